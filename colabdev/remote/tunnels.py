"""The roads to a machine: what each ``via`` of a connect string means on this side."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath

from colabdev import paths
from colabdev.errors import ConfigError
from colabdev.language import tr
from colabdev.remote.destination import Destination, Relay

# In the road's program, the file of host keys that the relay is held to.
_RELAY_NAME = "colabdev-relay"


def command(destination: Destination, known_hosts: PurePath) -> Sequence[str] | None:
    """Return the argument list that speaks with *destination* on its stdin and stdout.

    None is a plain TCP connection to host and port. The lists are fixed here: a connect string
    names a road, it never brings a command. *known_hosts* holds the `known_relay` line.

    Raises:
        ConfigError: the road's program is not on this computer.
    """
    if destination.via == "cloudflared":
        program = _program("cloudflared", _get_cloudflared())
        return [program, "access", "tcp", "--hostname", destination.hostname]
    if destination.via == "colab":
        # -s NAME is a word of its own: a name begins with a letter or digit, see `destination`.
        words = ["ssh", "--proxy-mode", "-s", destination.hostname]
        return [colab_program(), *words, "--identity", str(paths.key_file().absolute())]
    if destination.relay is not None:
        options = relay_options(destination.relay, destination.identity, known_hosts, _RELAY_NAME)
        words = [f"-o{option.replace(' ', '=', 1)}" for option in options]
        end = f"{destination.hostname}:{destination.port}"
        ssh = _program("ssh", tr("Install the OpenSSH client."))
        return [ssh, "-oBatchMode=yes", "-oLogLevel=ERROR", *words, "-W", end, _RELAY_NAME]
    return None


def known_relay(relay: Relay) -> str:
    """Return the line of a known_hosts file that pins *relay* for `command`."""
    return f"{_RELAY_NAME} {relay.host_key}\n"


def relay_options(relay: Relay, identity: str, known_hosts: PurePath, alias: str) -> Sequence[str]:
    """Return what ssh is told of *relay*, pinned under *alias* in the file *known_hosts*.

    The login is the user's own: by the key file *identity*, else by whatever their ssh uses.
    """
    file = f'"{known_hosts.as_posix()}"'
    own = [f'IdentityFile "{PurePath(identity).as_posix()}"', "IdentitiesOnly yes"]
    return [
        f"HostName {relay.hostname}",
        f"Port {relay.port}",
        f"User {relay.user}",
        *(own if identity else []),
        f"HostKeyAlias {alias}",
        f"HostKeyAlgorithms {relay.host_key.split(' ')[0]}",
        f"UserKnownHostsFile {file}",
        f"GlobalKnownHostsFile {file}",
        "StrictHostKeyChecking yes",
        "UpdateHostKeys no",
        "VerifyHostKeyDNS no",
        "CheckHostIP no",
        "CanonicalizeHostname no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PreferredAuthentications publickey",
        "ForwardAgent no",
        "ForwardX11 no",
        "PermitLocalCommand no",
        "RemoteCommand none",
        "ProxyJump none",
        "ProxyCommand none",
        "ControlMaster no",
        "ControlPath none",
        "ServerAliveInterval 30",
    ]


def colab_program() -> str:
    """Return where Google's CLI is.

    uv and pipx put it into ``~/.local/bin``, which an editor that was not started from a shell may
    not have on its PATH.

    Raises:
        ConfigError: it is not on this computer.
    """
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path.home() / ".local/bin")))
    return shutil.which("colab", path=places) or _program(
        "colab",
        tr("Get Google's CLI: uv tool install google-colab-cli. Then log in: colab sessions"),
    )


def cloudflared_line(platform: str = sys.platform) -> str:
    """Return the ProxyCommand of the road ``cloudflared`` as an ssh config takes it."""
    words = [shutil.which("cloudflared") or "cloudflared", "access", "tcp", "--hostname"]
    return f"{_command_line(words, platform)} %h"


def follower_line(alias: str, platform: str = sys.platform) -> str:
    """Return the ProxyCommand that goes to *alias* through colabdev, wherever it is by then."""
    # -P: ssh runs it in any folder, and a colabdev.py there is not the one that is meant.
    words = [sys.executable, "-P", "-m", "colabdev", "proxy", alias]
    if os.environ.get("COLABDEV_HOME") and platform != "win32":
        # An editor that was not started from this shell does not know where alias is recorded.
        words = ["env", f"COLABDEV_HOME={paths.home().absolute()}", *words]
    return _command_line(words, platform)


def _command_line(words: Sequence[str], platform: str) -> str:
    line = subprocess.list2cmdline(words) if platform == "win32" else shlex.join(words)
    return line.replace("%", "%%")


def _program(name: str, hint: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ConfigError(tr("There is no {name} on this computer's PATH.", name=name), hint)
    return found


def _get_cloudflared(platform: str = sys.platform) -> str:
    if platform == "darwin":
        return tr("The machine is behind a Cloudflare tunnel: brew install cloudflared")
    if platform == "win32":
        return tr(
            "The machine is behind a Cloudflare tunnel: winget install --id Cloudflare.cloudflared"
        )
    return tr(
        "The machine is behind a Cloudflare tunnel. Get cloudflared from "
        "https://github.com/cloudflare/cloudflared/releases/latest, make it executable, and put "
        "it on the PATH."
    )
