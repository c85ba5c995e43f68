"""The laptop's SSH files: our config, the pinned host keys, and our line in the user's config."""

import contextlib
import os
import re
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from colabdev import paths
from colabdev.errors import ConfigError, system_says
from colabdev.language import tr
from colabdev.remote.destination import Destination
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.tunnels import cloudflared_line, follower_line, relay_options
from colabdev.store import locked, private_dir, write_atomic

_HEADER = "# Written by colabdev; changes here are lost. 'colabdev disconnect' takes a host out.\n"

# ssh would read these in a path as quotes, escapes, tokens, variables or patterns.
_NOT_IN_A_PATH = re.compile(r"[\"\\%$*?\[\]\x00-\x1f\x7f]")

_KEYWORD = re.compile(rb"[ \t]*([A-Za-z]+)[ \t]*(?:=[ \t]*)?(.*)", re.DOTALL)
_WORD = re.compile(rb'"([^"]*)"|([^\s"]+)')


def render_block(runtime: Runtime, *, platform: str = sys.platform) -> str:
    """Return the ``Host`` block of *runtime*, whole in itself: no ``Host *`` bends what it says.

    For each option ssh takes the first value it meets, so a setting that could lead elsewhere,
    log in otherwise or run something is pinned even where we want ssh's default
    (ssh_config(5)). Only SendEnv, LocalForward and their like add up and cannot be undone.
    """
    destination = runtime.destination
    assert destination is not None, "this machine needs no ssh"
    known_hosts = quoted(paths.known_hosts_file().absolute())
    lines = [
        f"HostName {destination.hostname}",
        f"Port {destination.port}",
        f"User {destination.user}",
        f"IdentityFile {quoted(_identity(destination))}",
        "IdentitiesOnly yes",
        "IdentityAgent none",
        f"HostKeyAlias {runtime.alias}",
        f"HostKeyAlgorithms {destination.host_key.split(' ')[0]}",
        f"UserKnownHostsFile {known_hosts}",
        f"GlobalKnownHostsFile {known_hosts}",
        "StrictHostKeyChecking yes",
        "UpdateHostKeys no",
        "VerifyHostKeyDNS no",
        "CheckHostIP no",
        "CanonicalizeHostname no",
        "PubkeyAuthentication yes",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PreferredAuthentications publickey",
        "ForwardAgent no",
        "ForwardX11 no",
        "PermitLocalCommand no",
        "RemoteCommand none",
        "RequestTTY auto",
        *_road(runtime, platform),
        "ServerAliveInterval 30",
        "ServerAliveCountMax 3",
        *_sharing(runtime, platform),
    ]
    return _block(runtime.alias, lines) + _relay_block(runtime)


def write_ssh_files(registry: Registry) -> None:
    """Write our ssh config and known_hosts anew for what *registry* knows.

    Raises:
        ConfigError: the folder cannot be written, or its path cannot stand in an ssh config.
    """
    with _lock():
        blocks: list[str] = []
        keys: list[str] = []
        for runtime in registry.all():
            if runtime.destination is not None:
                blocks.append(render_block(runtime))
                keys.append(f"{runtime.alias} {runtime.destination.host_key}\n")
                if relay := runtime.destination.relay:
                    keys.append(f"{_relay_alias(runtime)} {relay.host_key}\n")
        # The keys first: a host whose key is not there yet is refused, never trusted.
        write_atomic(paths.known_hosts_file(), "".join(keys).encode())
        write_atomic(paths.ssh_config_file(), "\n".join([_HEADER, *blocks]).encode())


def include_line() -> str:
    """Return the line that makes the user's ssh read our config."""
    return f"Include {quoted(paths.ssh_config_file().absolute())}"


def include_present() -> bool:
    """Return whether the user's ssh config reads ours, for every host."""
    return includes(_read(paths.user_ssh_config()), include_line())


def ensure_include() -> bool:
    """Put our Include line at the very top of the user's ssh config; return whether it was missing.

    Every other byte, the mode and a link's target stay as they are.

    Raises:
        ConfigError: the file must not or cannot be changed.
    """
    with _lock():
        return _rewrite(with_include)


def remove_include() -> bool:
    """Take our Include line out of the user's ssh config; return whether it was there.

    A config that held nothing else is removed.

    Raises:
        ConfigError: the file must not or cannot be changed.
    """
    with _lock():
        return _rewrite(without_include)


def includes(config: bytes, line: str) -> bool:
    """Return whether the ssh *config* carries out the Include *line* whatever the host is.

    The keyword may be indented and in any case; behind a ``Host`` or ``Match`` it is conditional.
    """
    wanted = line.encode().split(b'"')[1]
    for raw in config.split(b"\n"):
        match = _KEYWORD.fullmatch(raw)
        keyword = match[1].lower() if match else b""
        if keyword in (b"host", b"match"):
            return False
        words = [inner or bare for inner, bare in _WORD.findall(match[2])] if match else []
        if keyword == b"include" and wanted in words:
            return True
    return False


def with_include(config: bytes, line: str) -> bytes:
    """Return *config* with the Include *line* in force, at the top unless it is there already."""
    if includes(config, line):
        return config
    newline = b"\r\n" if config.split(b"\n", 1)[0].endswith(b"\r") else b"\n"
    return line.encode() + newline + config


def without_include(config: bytes, line: str) -> bytes:
    """Return *config* without the first Include *line* that stands there as we write it."""
    ours = re.compile(rb"^" + re.escape(line.encode()) + rb"(?:\r?\n|\Z)", re.MULTILINE)
    return ours.sub(b"", config, count=1)


def quoted(path: PurePath) -> str:
    """Return the absolute *path* as ssh configs take it on every system.

    Raises:
        ConfigError: ssh would read a character in it as something else.
    """
    text = path.as_posix()
    if _NOT_IN_A_PATH.search(text):
        raise ConfigError(
            tr("The path {text!a} cannot stand in an ssh config.", text=text),
            tr("Set COLABDEV_HOME to a folder without quotes, backslashes and any of % $ * ? [ ]."),
        )
    return f'"{text}"'


def _lock() -> contextlib.AbstractContextManager[None]:
    private_dir(paths.ssh_dir())
    return locked(paths.ssh_config_file())


def _block(alias: str, lines: Sequence[str]) -> str:
    return f"Host {alias}\n" + "".join(f"  {line}\n" for line in lines)


def _relay_block(runtime: Runtime) -> str:
    """Return the block of the relay that *runtime* is behind, pinned under a name of its own."""
    destination = runtime.destination
    if destination is None or destination.relay is None or runtime.stable:
        return ""
    if destination.identity:
        quoted(PurePath(destination.identity))  # refuses what ssh would misread
    known_hosts = paths.known_hosts_file().absolute()
    alias = _relay_alias(runtime)
    return "\n" + _block(
        alias, relay_options(destination.relay, destination.identity, known_hosts, alias)
    )


def _relay_alias(runtime: Runtime) -> str:
    return f"{runtime.alias}+relay"  # no runtime's name holds a plus


def _identity(destination: Destination) -> PurePath:
    if destination.identity and destination.relay is None:
        return PurePath(destination.identity)
    return paths.key_file().absolute()


def _road(runtime: Runtime, platform: str) -> Sequence[str]:
    destination = runtime.destination
    if runtime.stable or (destination and destination.via == "colab"):
        # The road `colab` takes one connection at a time, and colabdev's own has it.
        return ("ProxyJump none", f"ProxyCommand {follower_line(runtime.alias, platform)}")
    if destination and destination.relay:
        return (f"ProxyJump {_relay_alias(runtime)}",)
    if destination and destination.via == "cloudflared":
        return ("ProxyJump none", f"ProxyCommand {cloudflared_line(platform)}")
    return ("ProxyJump none", "ProxyCommand none")


def _sharing(runtime: Runtime, platform: str) -> Sequence[str]:
    if platform == "win32":  # its OpenSSH has no connection sharing and fails when told to
        return ("ControlMaster no", "ControlPath none")
    # Whether to share is the user's choice, but only among connections to this life of this
    # machine. ssh binds path + "." + 16 characters first, and macOS takes 103 bytes in all.
    socket = paths.ssh_dir().absolute() / runtime.boot_id[:12]
    return (f"ControlPath {quoted(socket) if len(os.fsencode(socket)) <= 86 else 'none'}",)


def _rewrite(change: Callable[[bytes, str], bytes]) -> bool:
    # A linked config keeps its link: the file behind it is the one that changes.
    path = Path(os.path.realpath(paths.user_ssh_config()))
    line = include_line()
    old = _read(path)
    new = change(old, line)
    if new == old:
        return False
    if b"\0" in old:
        raise _untouched(path, tr("it is no plain text (saved as UTF-16?), and ssh cannot read it"))
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    if not mode & stat.S_IWUSR:
        raise _untouched(path, tr("it is read-only"))
    try:
        if new or paths.user_ssh_config().is_symlink():
            if not path.parent.exists():
                private_dir(path.parent)
            write_atomic(path, new, mode=mode)
        else:
            path.unlink()
    except (ConfigError, OSError) as error:
        raise _untouched(path, tr("its folder refuses the write")) from error
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _untouched(
            path, tr("it cannot be read ({error})", error=system_says(error))
        ) from error


def _untouched(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        tr("{path} stays as it is: {reason}.", path=path, reason=reason),
        tr(
            "Mend that and connect again, or use 'ssh -F {ssh_config_file}'. The "
            "line that belongs at its top is: {include_line}",
            ssh_config_file=paths.ssh_config_file(),
            include_line=include_line(),
        ),
    )
