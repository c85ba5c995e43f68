"""The relay tunnel: a reverse forward of OpenSSH's to a server of the user's own."""

import subprocess
import time
from collections.abc import Generator
from typing import Any

from colabdev.payload.cell.core import (
    HERE,
    OURS,
    CellError,
    Facts,
    _alive,
    _end,
    _run,
    _wait_for,
    _write,
)
from colabdev.payload.cell.linux import _record
from colabdev.payload.cell.secret import _colab_secret

VIA, PORTS, PATIENCE = "relay", (), 600  # the user adds a line at the relay meanwhile
SSH_SETTINGS = (
    "HostKeyAlias colabdev-relay; StrictHostKeyChecking yes; GlobalKnownHostsFile /dev/null; "
    "UpdateHostKeys no; BatchMode yes; ConnectTimeout 15; IdentityAgent none; IdentitiesOnly yes; "
    "PreferredAuthentications publickey; ExitOnForwardFailure yes; ServerAliveInterval 15; "
    "LogLevel ERROR"
)


def _prepare(settings: list[Any]) -> None:
    """Take the key of Colab's Secrets (COLABDEV_RELAY_KEY), else make one of this machine's."""
    relay, host_key, port, *_ = settings
    file = f"{HERE}/tunnel/relay_key"
    if secret := _colab_secret("COLABDEV_RELAY_KEY"):
        file = _write("tunnel/relay_secret", f"{secret}\n")
    elif not (HERE / "tunnel/relay_key").exists():
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "colabdev", "-f", file)
    public = _run("ssh-keygen", "-y", "-P", "", "-f", file).strip()
    if not public:
        step = "Give one of OpenSSH's without a passphrase, or delete the secret."
        raise CellError("COLABDEV_RELAY_KEY is no private key.", step)
    user, _, place = relay.rpartition("@")
    host, _, name = place.rpartition(":")
    lines = [f"HostName {host}", f"User {user}", f"Port {name}", *SSH_SETTINGS.split("; ")]
    hosts = _write("tunnel/relay_host", f"colabdev-relay {host_key}\n")
    for option, path in (("IdentityFile", file), ("UserKnownHostsFile", hosts)):
        lines += [f'{option} "{path}"'.replace("%", "%%")]
    lines += [f"HostKeyAlgorithms {host_key.split(' ')[0]}", ""]
    _write("tunnel/relay_config", "\n".join(lines))
    # The key may open this one port, on the relay's loopback, and do nothing else there.
    may = f'permitlisten="127.0.0.1:{port}",permitopen="127.0.0.1:{port}",command="exit 1"'
    print(f"In ~/.ssh/authorized_keys of {relay} this line has to stand:\n")
    print(f"restrict,port-forwarding,{may} {public}\n", flush=True)


def _greets(address: str) -> bool:
    """Tell whether our SSH server answers when it is called from the relay."""
    words = "timeout", "20", "ssh", "-F", f"{HERE}/tunnel/relay_config", "-W", address, "relay"
    return _run(*words).startswith("SSH-2.0-")


def _hold(facts: Facts) -> Generator[Facts, None, None]:
    """Run one ssh that holds the port, until it ends."""
    relay, host_key, port, *_ = facts["settings"]
    log, place = HERE / "tunnel/relay.log", f"127.0.0.1:{port}"
    words = ["ssh", "-F", f"{HERE}/tunnel/relay_config", "-N", "-R"]
    words += [f"{place}:127.0.0.1:{facts['port']}", "relay"]
    with open(log, "w", **OURS) as out:  # in the keeper's session, and ended with it
        agent = _record(subprocess.Popen(words, stdin=-3, stdout=out, stderr=out).pid)
    query = {"relay": relay, "relaykey": host_key}
    try:
        while not _greets(place) and not _wait_for(lambda: not _alive(agent), 1):
            pass
        while _alive(agent):
            yield {"address": place, "agent": agent, "query": query}
            time.sleep(1)
        said = log.read_text(errors="replace").strip()
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
