"""The cell: a private SSH server on this machine, and the line to connect with."""

import contextlib
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from colabdev.payload.cell.linux import _machine, _pids, _stat

# Not handed on to SSH logins: what sshd sets itself, what only a kernel wants, and secrets.
NOT_HANDED_ON = re.compile(
    r"(?i)USER|LOGNAME|SHELL|MAIL|PWD|OLDPWD|SHLVL|_|TERM|COLUMNS|LINES|MPLBACKEND|PAGER|GIT_PAGER"
    r"|FORCE_COLOR|CLICOLOR(_FORCE)?|(SSH|JPY|IPYKERNEL|PYDEVD|COLABDEV|NGROK)_.*"
    r"|(.*_)?(AUTH|API)?(TOKENS?|SECRETS?|PASS(WORD|WD|PHRASE)?|PAT|KEYS?)(_.*)?"
)
SSHD_SETTINGS = (  # reachable from this machine alone, by key alone
    "AuthenticationMethods publickey; PasswordAuthentication no; KbdInteractiveAuthentication no; "
    "PermitRootLogin prohibit-password; StrictModes yes; MaxAuthTries 3; LoginGraceTime 30; "
    "MaxStartups 50:30:100; MaxSessions 64; UseDNS no; ClientAliveInterval 30; "
    "AllowTcpForwarding yes; X11Forwarding no; PrintMotd no; Subsystem sftp internal-sftp"
)


class CellError(Exception):
    """A failure told in one sentence and one next step, with *values* for their fields."""

    def __init__(self, message: str, step: str, **values: object) -> None:
        super().__init__(f"{message}\n{step}".format(**values))

    def _render_traceback_(self) -> list[str]:
        return [str(self)]  # IPython shows this in place of a traceback


class Tunnel:
    """The road to the SSH server. This one is none at all: logins come from this machine."""

    via = "none"
    also_at: tuple[int, ...] = ()  # ports that sshd takes besides its own
    query = ""  # what the connect string says of the road
    settings: list[Any] = []  # noqa: RUF012 - what makes one tunnel another one; never changed

    def check(self) -> None:
        """Refuse a machine that this tunnel is not for."""

    def address(self, facts: dict[str, Any]) -> str:
        """Return ``host:port`` where the laptop finds the SSH server."""
        return _loopback(facts)

    def greets(self, address: str) -> bool:
        """Tell whether the SSH server answers at *address*, all the way (RFC 4253, 4.2)."""
        host, _, port = address.rpartition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 5) as line:
            return line.makefile("rb").readline(256).startswith(b"SSH-2.0-")
        return False

    def keep(self) -> None:
        """Be the process that holds the tunnel, which no restart of a notebook reaches."""


def colabdev_cell(tunnel: Tunnel, keys: list[str], name: str, root: str, keep_open: bool) -> None:
    """Open this machine to whoever holds one of *keys*, and print how to connect.

    As a script it also knows two words: ``stop``, and ``keep`` for the process that keeps the
    tunnel.
    """
    word = " ".join(sys.argv[1:])
    if word == "keep":
        tunnel.keep()
    elif word == "stop":
        colabdev_stop()
    else:
        with _plain_failures():
            facts = _open(tunnel, keys, name, root)
            if keep_open:
                _watch(tunnel, facts)


def colabdev_stop() -> None:
    """End the SSH server, its logins and the tunnel that the cell started, and nothing else."""
    with _plain_failures(), _alone():
        facts = _load("runtime.json")
        server = _server(facts)
        logins = _children(server[0]) if server else []
        logins += facts.pop("logins", [])
        ended = [_end_tunnel(facts), _end(server), *map(_end, logins)]
        for name in ("sshd/pid", "tunnel/idle.json", "tunnel/ngrok.yml", "tunnel/relay_secret"):
            _remove(name)
        if facts:
            _save("runtime.json", {**facts, "sshd": None})
        _say("Stopped: no SSH here any more." if any(ended) else "Nothing was running.")


@contextlib.contextmanager
def _plain_failures() -> Iterator[None]:
    try:
        yield
        return
    except KeyboardInterrupt:
        failure = CellError("Interrupted.", "Run the cell again: it goes on from here.")
    except (OSError, subprocess.SubprocessError) as error:
        step = "Check the free space and the permissions there."
        failure = CellError("The cell cannot go on: {error}.", step, error=error)
    except CellError as error:
        failure = error
    if "ipykernel" in sys.modules:
        raise failure  # the cell counts as failed, and "Run all" stops here
    sys.exit(str(failure))


def _say(text: str, **values: object) -> None:
    print(text.format(**values))


def _open(tunnel: Tunnel, keys: list[str], name: str, root: str) -> dict[str, Any]:
    if os.name != "posix":
        raise CellError("The cell needs Linux or macOS.", "On Windows, run it inside WSL.")
    import pwd  # not on Windows, where this file must still import

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        step = "Choose letters, digits, dots and dashes."
        raise CellError("{name!r} is no name.", step, name=name)
    if "COLAB_RELEASE_TAG" in os.environ:
        _say("Colab lets only accounts with compute units use SSH (see Colab's FAQ).")
    with _alone():
        tunnel.check()
        facts = {**_life(), "name": name, "via": tunnel.via, "root": _workspace(root)}
        facts["user"], port = pwd.getpwuid(os.getuid()).pw_name, facts.get("port")
        _serve_ssh(facts, keys, tunnel.also_at)
        if tunnel.via == "none" or port != facts["port"]:
            _end_tunnel(facts)
        facts["address"] = tunnel.address(facts)
        _announce(tunnel, facts)
    return facts


def _announce(tunnel: Tunnel, facts: Mapping[str, Any]) -> None:
    """Print how to connect, once the SSH server answers there: no secret in it, no command."""
    address = facts["address"]
    if not _wait_for(lambda: tunnel.greets(address), 30, pause=2):  # ngrok counts connections
        step = "Run colabdev_stop(), then this cell again."
        raise CellError("No SSH server answers at {address}.", step, address=address)
    (kind, key), query = facts["host_key"].split(), {"boot": facts["boot_id"]}
    query |= {"root": facts["root"], "via": facts["via"]}
    fields = "".join(f"&{each}={_quoted(value)}" for each, value in query.items())
    line = f"colabdev://{_quoted(facts['user'])}@{address}?key={_quoted(kind)}+{_quoted(key)}"
    alias = "" if facts["name"] == "colab" else f" --name {facts['name']}"
    _say("SSH answers at {address}. On your laptop, run:\n", address=address)
    print(f"colabdev connect '{line}{fields}{tunnel.query}&v=1'{alias}\n", flush=True)


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _life() -> dict[str, Any]:
    """Return the record of this life of the machine; a reboot begins a new one."""
    facts, machine = _load("runtime.json"), _machine()
    if facts.get("machine") != machine:
        _remove("sshd/host_key.pub")  # a new life gets a new host key
        _remove("sshd/pid")
        facts = {"version": 1, "machine": machine, "boot_id": secrets.token_hex(16)}
    return facts


def _workspace(root: str) -> str:
    usual = "/content" if "COLAB_RELEASE_TAG" in os.environ else "~/content"
    path = os.path.abspath(os.path.expanduser(root or usual))
    with contextlib.suppress(OSError):
        os.makedirs(path, exist_ok=True)
    if not os.access(path, os.W_OK | os.X_OK) or not path.isprintable() or len(path.encode()) > 400:
        step = "Choose another folder as WORKSPACE_ROOT, at the top of the cell."
        raise CellError("The workspace {path!r} cannot be used.", step, path=path)
    return path


# --- the SSH server ---------------------------------------------------------------------------


def _serve_ssh(facts: dict[str, Any], keys: list[str], also_at: tuple[int, ...]) -> None:
    """See to an sshd of ours that takes *keys*, and put its port and host key into *facts*."""
    program = _sshd_program(f"/usr/sbin:/usr/local/sbin:{os.environ.get('PATH', os.defpath)}")
    _check_modes(facts["user"])
    if not _read("sshd/host_key.pub"):
        _remove("sshd/host_key")
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]
        _run([*words, _path("sshd/host_key")]).check_returncode()
    facts["host_key"] = " ".join(_read("sshd/host_key.pub").split()[:2])
    _write("sshd/authorized_keys", "".join(f"{key}\n" for key in keys))
    environment = _handed_on(os.environ)
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    _write("env.sh", "".join(exports))
    if os.getuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd's privilege separation wants it
        if "COLAB_RELEASE_TAG" in os.environ:
            _write_profile("/etc/profile.d/colabdev.sh")
    server = _server(facts)
    facts["port"] = facts["port"] if server else _free_port(facts.get("port", 0))
    config = _sshd_config(program, facts, environment, also_at)
    if not server or config != _read("sshd/sshd_config") or not Tunnel().greets(_loopback(facts)):
        if server:
            logins = facts.get("logins", []) + _children(server[0])
            facts["logins"] = [login for login in logins if _alive(login)]  # they live on
            _end(server)
        server = _start_sshd(program, config, facts, environment)
    facts["sshd"] = server
    _save("runtime.json", facts)


def _sshd_program(search: str) -> str:
    """Return the absolute path of an sshd in *search*, installed there if that can be done."""
    apt = shutil.which("apt-get", path=search)
    if not shutil.which("sshd", path=search) and apt and os.getuid() == 0:
        _say("There is no sshd here: installing openssh-server.")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run([apt, "-qq", "update"], environment)
        _run([apt, "-qq", "install", "-y", "openssh-server"], environment)
    program = shutil.which("sshd", path=search)
    if not program:
        raise CellError("This machine has no sshd.", "Install its package openssh-server.")
    return os.path.abspath(program)


def _check_modes(user: str) -> None:
    """Say now what sshd's StrictModes would say in its log only, with every login refused."""
    home, folder = os.path.realpath(os.path.expanduser(f"~{user}")), os.path.realpath(_path("sshd"))
    while folder not in ("/", home):
        folder = os.path.dirname(folder)
        status = os.stat(folder)
        if status.st_mode & 0o022 or status.st_uid not in (0, os.getuid()):
            step = "Set HOME to a folder that is yours alone, and run the cell again."
            sentence = "sshd takes no key below {folder}: it is not yours alone."
            raise CellError(sentence, step, folder=folder)


def _handed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of *environ* that SSH logins get, so that CUDA is there as in a notebook."""
    ours = {"COLABDEV_RUNTIME": _path(), "COLABDEV_PYTHON": sys.executable}
    kept = {
        name: value
        for name, value in environ.items()
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and not NOT_HANDED_ON.fullmatch(name)
    }
    return {**kept, "HOME": os.path.expanduser("~"), **ours}


def _write_profile(path: str) -> None:
    """Give PATH back to our own SSH logins, where /etc/profile resets it; idle in all others."""
    with open(path, "w") as stream:
        stream.write(
            "# Made by colabdev: its SSH logins get the notebook's environment.\n"
            '[ ! -r "${COLABDEV_RUNTIME:-/none}/env.sh" ] || . "$COLABDEV_RUNTIME/env.sh"\n'
        )


def _sshd_config(
    program: str, facts: Mapping[str, Any], environment: Mapping[str, str], also_at: tuple[int, ...]
) -> str:
    def quoted(text: str) -> str:  # as sshd's argv_split reads it
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    locked = False  # sshd without PAM refuses whoever has a locked password, key or not
    with contextlib.suppress(OSError), open("/etc/shadow") as stream:
        locked = any(line.startswith(f"{facts['user']}:!") for line in stream)
    lines = [
        *(f"ListenAddress 127.0.0.1:{port}" for port in (facts["port"], *also_at)),
        f"HostKey {quoted(_path('sshd/host_key'))}",
        f"PidFile {quoted(_path('sshd/pid'))}",
        f"AuthorizedKeysFile {quoted(_path('sshd/authorized_keys').replace('%', '%%'))}",
        f"AllowUsers {facts['user']}",
        f"UsePAM {'yes' if locked else 'no'}",
        *SSHD_SETTINGS.split("; "),
    ]
    version = re.search(r"OpenSSH_(\d+)\.(\d+)", _run([program, "-V"]).stderr)
    if version and (int(version[1]), int(version[2])) >= (9, 8):
        # Every visitor comes from loopback: a stranger's penalty would shut out the user as well.
        lines.append("PerSourcePenalties no")
    # Of several SetEnv lines only the first counts, and none can hold a newline; env.sh can.
    pairs = [quoted(f"{name}={value}") for name, value in environment.items() if "\n" not in value]
    return "\n".join([*lines, f"SetEnv {' '.join(pairs)}", ""])


def _server(facts: Mapping[str, Any]) -> list[Any] | None:
    """Return pid and start time of our sshd, None unless it runs."""
    record, pid = facts.get("sshd"), _read("sshd/pid").strip()
    if record is None and pid and "port" in facts and Tunnel().greets(_loopback(facts)):
        record = [int(pid), _born(int(pid))]  # the cell was interrupted while this one started
    return record if _alive(record) else None


def _start_sshd(
    program: str, config: str, facts: dict[str, Any], environment: Mapping[str, str]
) -> list[Any]:
    _write("sshd/sshd_config", config)
    _remove("sshd/pid")
    _save("runtime.json", {**facts, "sshd": None})
    options, log = ["-f", _path("sshd/sshd_config")], _path("sshd/log")
    done = _run([program, "-t", *options], environment)
    if done.returncode == 0:
        done = _run([program, *options, "-E", log], environment)
    if done.returncode or not _wait_for(lambda: _server({**facts, "sshd": None}) is not None, 10):
        said = (done.stderr or _read("sshd/log")).strip().splitlines() or ["-"]
        raise CellError("sshd did not start: {said}", "Its log is {log}.", said=said[-1], log=log)
    facts["started"] = time.time()
    pid = int(_read("sshd/pid"))
    return [pid, _born(pid)]


def _end_tunnel(facts: dict[str, Any]) -> bool:
    ended = [_end(facts.pop("keeper", None)), _end(_load("tunnel/state.json").get("agent"))]
    _remove("tunnel/state.json")
    return any(ended)


# --- what the cell shows while it stays -------------------------------------------------------


def _watch(tunnel: Tunnel, facts: dict[str, Any]) -> None:
    """Show one status line until interrupted, and say when the tunnel moved."""
    closed = _load("tunnel/state.json").get("closed")
    try:
        while True:
            state = _load("tunnel/state.json")
            if not _alive(facts["sshd"]) or not _alive(facts.get("keeper", facts["sshd"])):
                raise CellError("\nThe SSH server or its tunnel ended.", "Run this cell again.")
            if state.get("address", facts["address"]) != facts["address"]:
                _say("\nThe tunnel moved.")
                facts["address"] = state["address"]
                _announce(tunnel, facts)
            if state.get("closed") != closed:
                closed = state.get("closed")
                _say(
                    "\nSomebody here published {closed} by our ngrok agent: closed.", closed=closed
                )
            left = _load("tunnel/idle.json").get("left", 300)
            if left < 300:
                _say("\nNobody uses this VM: back to Colab in {left:.0f} seconds.", left=left)
            print(f"\r{_status(facts):<78}", end="", flush=True)
            time.sleep(5)
    except KeyboardInterrupt:
        _say("\nSSH stays up without this cell; colabdev_stop() ends it.")


def _status(facts: Mapping[str, Any]) -> str:
    minutes = int(time.time() - facts["started"]) // 60
    parts = [f"up {minutes // 60}:{minutes % 60:02} h"]
    if shutil.which("nvidia-smi"):
        query = "--query-gpu=utilization.gpu,memory.used,memory.total"
        rows = _run(["nvidia-smi", query, "--format=csv,noheader"]).stdout.splitlines()
        parts += [
            f"GPU {' of '.join(row.split(', ', 2)[1:])}, {row.split(', ')[0]}" for row in rows
        ]
    return " | ".join([*parts, f"connections: {len(_children(facts['sshd'][0]))}"])


# --- processes, ports, files ------------------------------------------------------------------


def _born(pid: int) -> str:
    return "".join(_stat(pid)[1:])


def _alive(record: list[Any] | None) -> bool:
    """Tell whether the process of *record* (pid and start time) is there and is still the same."""
    return record is not None and _born(record[0]) == record[1] != ""


def _children(parent: int) -> list[list[Any]]:
    return [[pid, _born(pid)] for pid in _pids() if _stat(pid)[:1] == [str(parent)]]


def _end(record: list[Any] | None) -> bool:
    """End the process of *record*, by force after ten seconds; False when it was not there."""
    if record is None or not _alive(record):
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record[0], number)
        if _wait_for(lambda: not _alive(record), 10):
            break
    return True


def _wait_for(done: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    limit = time.monotonic() + seconds
    while not done():
        if time.monotonic() > limit:
            return False
        time.sleep(pause)
    return True


def _run(argv: list[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )


def _loopback(facts: Mapping[str, Any]) -> str:
    return f"127.0.0.1:{facts['port']}"


def _free_port(wanted: int = 0) -> int:
    """Return the loopback port *wanted*, or another one where that is taken."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise CellError("There is no free port on loopback.", "Restart the machine.")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock that two cells on one machine take in turn; it ends with the process."""
    import fcntl  # not on Windows, where this file must still import

    os.chmod(_path(), 0o700)
    with open(_path("lock"), "w", opener=_private) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _path(name: str = "") -> str:
    """Return the path of *name* below ``~/.colabdev``, in folders that are ours alone (0700)."""
    path = os.path.join(os.path.expanduser("~"), ".colabdev", *name.split("/"))
    folder = os.path.dirname(path)
    for each in (os.path.dirname(folder) if "/" in name else folder, folder):
        os.makedirs(each, mode=0o700, exist_ok=True)
    return path.rstrip("/")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write(name: str, text: str) -> None:
    new = _path(f"{name}.new")  # renamed: a reader sees the old or the new, never a half
    with open(new, "w", encoding="utf-8", errors="surrogateescape", opener=_private) as stream:
        stream.write(text)
    os.replace(new, _path(name))


def _read(name: str) -> str:
    try:
        with open(_path(name), encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def _remove(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(_path(name))


def _save(name: str, record: Mapping[str, Any]) -> None:
    _write(name, json.dumps(record, indent=1))


def _load(name: str) -> dict[str, Any]:
    try:
        return dict(json.loads(_read(name) or "{}"))
    except (ValueError, TypeError):
        step = "Delete it and run the cell again."
        raise CellError("{path} is damaged.", step, path=_path(name)) from None
