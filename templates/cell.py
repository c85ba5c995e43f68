# @title colabdev: lets your laptop in over SSH (Colab allows that only with compute units)
# Starts a private SSH server that lets in the laptops whose public keys are below and nobody else,
# opens a tunnel to it, and prints the line to run on the laptop. colabdev_stop() ends it all.
# Google's terms: without compute units no SSH on Colab; a session that has it may be ended.
# Keep this cell to itself: its text runs once more in the background, to hold both open.
# @markdown WORKSPACE_ROOT: where projects go (empty: /content). KEEP_OPEN: show a status line.
NAME = "colab"  # @param {type:"string"}
WORKSPACE_ROOT = ""  # @param {type:"string"}
KEEP_OPEN = False  # @param {type:"boolean"}
