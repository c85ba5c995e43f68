"""The relay tunnel: a reverse forward of OpenSSH's to a server of the user's own."""

import os
import subprocess
from typing import Any

from colabdev.payload.cell.core import (
    CellError,
    _born,
    _end,
    _loopback,
    _path,
    _quoted,
    _read,
    _run,
    _say,
    _wait_for,
    _write,
)
from colabdev.payload.cell.keeper import Held, Kept, TunnelLost
from colabdev.payload.cell.secret import _colab_secret


class Relay(Kept):
    """The loopback port *port* of *relay* (``user@host:port``), whose host key is *host_key*."""

    via = "relay"
    patience, longest_pause = 600, 8  # the user adds a line at the relay meanwhile

    def __init__(self, relay: str, host_key: str, port: int) -> None:
        self.settings = [self.via, relay, host_key, port]
        self.relay, self.host_key, self.place = relay, host_key, f"127.0.0.1:{port}"
        kind, key = host_key.split(" ")
        self.query = f"&relay={_quoted(relay)}&relaykey={_quoted(kind)}+{_quoted(key)}"

    def prepare(self) -> None:
        """Take the key of Colab's Secrets (COLABDEV_RELAY_KEY), else make one of this machine's."""
        if secret := _colab_secret("COLABDEV_RELAY_KEY"):
            _write("tunnel/relay_secret", f"{secret}\n")
        elif not _read("tunnel/relay_key"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "colabdev", "-f"]
            _run([*words, _path("tunnel/relay_key")]).check_returncode()
        public = _run(["ssh-keygen", "-y", "-P", "", "-f", self._key_file()]).stdout.strip()
        if not public:
            step = "Give one of OpenSSH's without a passphrase, or delete the secret."
            raise CellError("COLABDEV_RELAY_KEY is no private key.", step)
        # The key may open this one port, on the relay's loopback, and do nothing else there.
        may = f'permitlisten="{self.place}",permitopen="{self.place}",command="exit 1"'
        _say("In ~/.ssh/authorized_keys of {relay} this line has to stand:\n", relay=self.relay)
        print(f"restrict,port-forwarding,{may} {public}\n", flush=True)

    def greets(self, address: str) -> bool:
        """Tell whether our SSH server answers when it is called from the relay."""
        done = _run(["timeout", "20", *self._ssh(), "-W", address, "colabdev-relay"])
        return done.stdout.startswith("SSH-2.0-")

    def failure(self, state: dict[str, Any]) -> CellError:
        """Return what keeps the relay from forwarding."""
        detail = state.get("detail") or "-"
        values = {"relay": self.relay, "detail": detail}
        if "Permission denied" in detail:
            step = "Add the line above to ~/.ssh/authorized_keys there, and run the cell again."
            return CellError("{relay} does not take this machine's key yet.", step, **values)
        if "verification failed" in detail:
            step = "If that is right, render the cell anew with 'colabdev cell --relay {relay}'."
            return CellError("{relay} shows another host key than it did.", step, **values)
        step = "See that it is up, and that its sshd has 'AllowTcpForwarding yes'."
        return CellError("{relay} forwards nothing: {detail}", step, **values)

    def hold(self, facts: dict[str, Any]) -> Held:
        """Run one ssh that holds the port, until it ends."""
        log, end = _path("tunnel/relay.log"), f"{self.place}:{_loopback(facts)}"
        words = [*self._ssh(), "-N", "-E", log, "-R", end, "colabdev-relay"]
        _write("tunnel/relay.log", "")
        ssh = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        record = [ssh.pid, _born(ssh.pid)]
        try:
            while not self.greets(self.place) and not _wait_for(lambda: ssh.poll() is not None, 1):
                pass
            while ssh.poll() is None:
                yield self.place, record, {}
                _wait_for(lambda: ssh.poll() is not None, 2)
            said = _read("tunnel/relay.log").strip().splitlines()
            raise TunnelLost(said[-1][:300] if said else "", final="verification" in " ".join(said))
        finally:
            _end(record)
            ssh.wait()

    def _key_file(self) -> str:
        secret = _path("tunnel/relay_secret")
        return secret if os.path.exists(secret) else _path("tunnel/relay_key")

    def _ssh(self) -> list[str]:
        user, _, place = self.relay.rpartition("@")
        host, _, port = place.rpartition(":")
        _write("tunnel/relay_host", f"colabdev-relay {self.host_key}\n")
        hosts, key = (
            path.replace("%", "%%") for path in (_path("tunnel/relay_host"), self._key_file())
        )
        options = (
            f"HostName={host}; User={user}; Port={port}; HostKeyAlias=colabdev-relay; "
            f"HostKeyAlgorithms={self.host_key.split(' ')[0]}; StrictHostKeyChecking=yes; "
            "GlobalKnownHostsFile=/dev/null; UpdateHostKeys=no; BatchMode=yes; ConnectTimeout=15; "
            "IdentityAgent=none; IdentitiesOnly=yes; PreferredAuthentications=publickey; "
            "ExitOnForwardFailure=yes; ServerAliveInterval=15; LogLevel=ERROR"
        )
        files = [f'-oUserKnownHostsFile="{hosts}"', f'-oIdentityFile="{key}"']
        return ["ssh", "-F", "none", *files, *(f"-o{each}" for each in options.split("; "))]
