"""The relay tunnel: a reverse forward of OpenSSH's to a server of the user's own."""

import os
import time
from collections.abc import Iterator

from colabdev.payload.cell.core import (
    HERE,
    CellError,
    Facts,
    Tunnel,
    _alive,
    _end,
    _read,
    _run,
    _started,
    _wait_for,
    _write,
)
from colabdev.payload.cell.secret import _colab_secret

SSH_SETTINGS = (
    "HostKeyAlias=colabdev-relay StrictHostKeyChecking=yes GlobalKnownHostsFile=/dev/null "
    "UpdateHostKeys=no BatchMode=yes ConnectTimeout=15 IdentityAgent=none IdentitiesOnly=yes "
    "PreferredAuthentications=publickey ExitOnForwardFailure=yes ServerAliveInterval=15 "
    "LogLevel=ERROR"
)


class Relay(Tunnel):
    """The loopback port *port* of *relay* (``user@host:port``), whose host key is *host_key*."""

    patience = 600  # the user adds a line at the relay meanwhile

    def __init__(self, relay: str, host_key: str, port: int) -> None:
        self.via, self.settings, self.place = "relay", [relay, host_key, port], f"127.0.0.1:{port}"
        self.query = {"relay": relay, "relaykey": host_key}

    def prepare(self) -> None:
        """Take the key of Colab's Secrets (COLABDEV_RELAY_KEY), else make one of this machine's."""
        relay, file = self.settings[0], f"{HERE}/tunnel/relay_key"
        if secret := _colab_secret("COLABDEV_RELAY_KEY"):
            file = _write("tunnel/relay_secret", f"{secret}\n")
        elif not os.path.exists(file):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "colabdev", "-f", file]
            _run(words).check_returncode()
        public = _run(["ssh-keygen", "-y", "-P", "", "-f", file]).stdout.strip()
        if not public:
            step = "Give one of OpenSSH's without a passphrase, or delete the secret."
            raise CellError("COLABDEV_RELAY_KEY is no private key.", step)
        # The key may open this one port, on the relay's loopback, and do nothing else there.
        may = f'permitlisten="{self.place}",permitopen="{self.place}",command="exit 1"'
        print(f"In ~/.ssh/authorized_keys of {relay} this line has to stand:\n")
        print(f"restrict,port-forwarding,{may} {public}\n", flush=True)

    def greets(self, address: str) -> bool:
        """Tell whether our SSH server answers when it is called from the relay."""
        done = _run(["timeout", "20", *self._ssh(), "-W", address, "colabdev-relay"])
        return done.stdout.startswith("SSH-2.0-")

    def hold(self, facts: Facts) -> Iterator[Facts]:
        """Run one ssh that holds the port, until it ends."""
        words = [*self._ssh(), "-N", "-R", f"{self.place}:127.0.0.1:{facts['port']}"]
        _write("tunnel/relay.log", "")
        agent = _started([*words, "colabdev-relay"], "tunnel/relay.log", "tunnel/relay.log")
        try:
            while not self.greets(self.place) and not _wait_for(lambda: not _alive(agent), 1):
                pass
            while _alive(agent):
                yield {"address": self.place, "agent": agent}
                time.sleep(1)
            said, relay = _read("tunnel/relay.log").strip(), self.settings[0]
            if "verification failed" in said:
                step = f"If that is right, render the cell anew: colabdev cell --relay {relay}."
                raise CellError(f"{relay} shows another host key than it did.", step, "host key")
            if "Permission denied" in said:
                step = "Add the line above to ~/.ssh/authorized_keys there."
                raise CellError(f"{relay} does not take this machine's key yet.", step)
            step = "See that it is up, and that its sshd has 'AllowTcpForwarding yes'."
            raise CellError(f"{relay} forwards nothing: {said[-200:] or '-'}", step)
        finally:
            _end(agent)

    def _ssh(self) -> list[str]:
        relay, host_key, _ = self.settings
        user, _, place = relay.rpartition("@")
        host, _, port = place.rpartition(":")
        key = f"{HERE}/tunnel/relay_secret"
        key = key if os.path.exists(key) else f"{HERE}/tunnel/relay_key"
        hosts = _write("tunnel/relay_host", f"colabdev-relay {host_key}\n")
        files = {"UserKnownHostsFile": hosts, "IdentityFile": key}
        options = [f'{name}="{path}"'.replace("%", "%%") for name, path in files.items()]
        options += [f"HostName={host}", f"User={user}", f"Port={port}", *SSH_SETTINGS.split(" ")]
        options += [f"HostKeyAlgorithms={host_key.split(' ')[0]}"]
        return ["ssh", "-F", "none", *(f"-o{each}" for each in options)]
