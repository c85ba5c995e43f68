# @title colabdev: open this runtime to my laptop
# Starts a private SSH server that lets in one laptop (its public key is below) and nobody else,
# opens a tunnel to it, and prints the line to run on the laptop. colabdev_stop() ends it all.
# Google's terms: an account without compute units may not use SSH on Colab; a session that does
# may be ended. ngrok: TCP needs an account with a payment card on file, which is not charged.
# Keep this cell to itself: its text runs once more in the background, to hold the tunnel open.
TUNNEL = "ngrok"  # @param ["ngrok", "none"]
NAME = "colab"  # @param {type:"string"}
WORKSPACE_ROOT = ""  # @param {type:"string"}
KEEP_OPEN = False  # @param {type:"boolean"}
PUBLIC_KEY = ""

from colabdev.payload.bootstrap import colabdev_cell  # noqa: E402 - rendering puts its text here

if __name__ == "__main__":
    colabdev_cell(PUBLIC_KEY, TUNNEL, NAME, WORKSPACE_ROOT, KEEP_OPEN)
