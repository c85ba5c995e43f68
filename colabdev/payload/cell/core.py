"""The cell: a private SSH server on this machine, and the line to connect with."""

import contextlib
import json
import linecache
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from colabdev.payload.cell.linux import _born, _machine

HERE = os.path.expanduser("~/.colabdev")  # all that the cell writes, and nobody else may enter
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
GPU_USE = ("--query-gpu=name,memory.used,utilization.gpu", "--format=csv,noheader")
# Gives PATH back to our own SSH logins, where /etc/profile resets it; idle in all others.
PROFILE = '[ ! -r "${COLABDEV_RUNTIME-}/env.sh" ] || . "$COLABDEV_RUNTIME/env.sh"\n'
Facts = dict[str, Any]
TEXT: Any = {"encoding": "utf-8", "errors": "surrogateescape"}  # how our files are written


class CellError(Exception):
    """A failure told in one sentence and one next step; with a *code*, trying again is no use."""

    def __init__(self, sentence: str, step: str, code: str = "") -> None:
        super().__init__(f"{sentence}\n{step}")
        self.code = code

    def _render_traceback_(self) -> list[str]:
        return [str(self)]  # IPython shows this in place of a traceback


class Tunnel:
    """A road to the SSH server: *prepare* runs in the notebook, *hold* in the keeper."""

    via: str
    settings: list[Any]  # with other ones it is another tunnel
    prepare: Callable[[], None]  # installs, asks the user, refuses this machine
    hold: Callable[[Facts], Any]  # yields what state.json is to say while it is up
    ports: tuple[int, ...] = ()  # that sshd takes besides its own
    query: Facts = {}  # noqa: RUF012 - what the connect string says of the road
    patience = 120  # seconds until it has to be up

    def greets(self, address: str) -> bool:
        """Tell whether the SSH server answers at *address*, all the way (RFC 4253, 4.2)."""
        host, _, port = address.rpartition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 5) as line:
            return line.makefile("rb").readline(256).startswith(b"SSH-2.0-")
        return False


def colabdev_cell(tunnel: Tunnel, keys: list[str], name: str, root: str, keep_open: bool) -> None:
    """Open this machine to whoever holds one of *keys*, and print how to connect."""
    with _plain_failures():
        for folder in (HERE, f"{HERE}/sshd", f"{HERE}/tunnel"):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        if sys.argv[1:] == ["keep"]:
            _keep(tunnel, keys, name, root)
        elif sys.argv[1:] == ["stop"]:
            colabdev_stop()
        else:
            if "COLAB_RELEASE_TAG" in os.environ:
                print("Colab lets only accounts with compute units use SSH (see Colab's FAQ).")
            tunnel.prepare()
            _show(keep_open)


def colabdev_stop() -> None:
    """End the SSH server, its logins and the tunnel that the cell started, and nothing else."""
    with _plain_failures():
        facts = {**_load("runtime.json"), **_load("tunnel/state.json")}
        server, agent = facts.get("sshd"), facts.get("agent")
        logins = _children(server[0]) if server and _alive(server) else []
        ended = [_end(each) for each in (facts.get("keeper"), agent, server, *logins)]
        for each in ("state.json", "idle.json", "ngrok.yml", "relay_secret"):
            _remove(f"tunnel/{each}")
        print("Stopped: no SSH here any more." if any(ended) else "Nothing was running.")


@contextlib.contextmanager
def _plain_failures() -> Iterator[None]:
    try:
        yield
        return
    except KeyboardInterrupt:
        failure = CellError("Interrupted.", "Run the cell again: it goes on from here.")
    except (OSError, subprocess.SubprocessError) as error:
        failure = CellError(f"The cell cannot go on: {error}.", "Is the disk full, or not yours?")
    except CellError as error:
        failure = error
    if "ipykernel" in sys.modules:
        raise failure  # the cell counts as failed, and "Run all" stops here
    sys.exit(str(failure))


def _show(keep_open: bool) -> None:
    """Run this text as a process of its own, which outlives the notebook; show what it says."""
    source, said = "".join(linecache.getlines(_show.__code__.co_filename)), ""
    if os.name != "posix" or not source:
        step = "It needs Linux, macOS or WSL, and a cell of its own without a %magic line."
        raise CellError("The cell cannot run here.", step)
    words = [sys.executable, "-u", "-X", "utf8", _write("cell.py", source), "keep"]
    _write("failure", "The keeper ended.\nRun the cell again.\n")
    with open(f"{HERE}/keeper.log", "a+", encoding="utf-8", opener=_private) as log:
        keeper = _started(words, "keeper.log", "failure")
        while "colabdev connect '" not in said:
            ended, text = not _alive(keeper), log.read()
            said += text
            print(text, end="", flush=True)
            if ended and "colabdev connect '" not in said:
                raise CellError(*_read("failure").strip().split("\n")[-2:])
            time.sleep(0.05)
        # Where another one holds it all, ours only asked it.
        _end(keeper if _load("runtime.json").get("keeper") != keeper else None)
        try:
            while keep_open:
                facts = _load("runtime.json")
                if not _alive(facts["keeper"]):
                    raise CellError("\nSSH server and tunnel ended.", "Run this cell again.")
                hours, minutes = divmod(int(time.time() - facts["started"]) // 60, 60)
                gpus = _run([shutil.which("nvidia-smi") or "true", *GPU_USE]).stdout
                gpus, logins = gpus.replace("\n", " | "), len(_children(facts["sshd"][0]))
                status = f"up {hours}:{minutes:02} h | {gpus}connections: {logins}"
                print(f"\r{status:<78}", end="", flush=True)
                time.sleep(5)
                if text := log.read():
                    print(f"\n{text}", end="")
        except KeyboardInterrupt:
            print("\nSSH stays up without this cell; colabdev_stop() ends it.")


def _keep(tunnel: Tunnel, keys: list[str], name: str, root: str) -> None:
    """Be that process, the keeper: hold SSH server and tunnel, and bring back whichever dies."""
    import fcntl  # not on Windows, where this file must still import

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise CellError(f"{name!r} is no name.", "Choose letters, digits, dots and dashes.")
    usual = "/content" if "COLAB_RELEASE_TAG" in os.environ else "~/content"
    path = os.path.abspath(os.path.expanduser(root or usual))
    with contextlib.suppress(OSError):
        os.makedirs(path, exist_ok=True)
    if not os.access(path, os.W_OK | os.X_OK) or not path.isprintable() or len(path.encode()) > 400:
        step = "Choose another folder as WORKSPACE_ROOT, at the top of the cell."
        raise CellError(f"The workspace {path!r} cannot be used.", step)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    kept = [tunnel.via, tunnel.settings, name, path]
    lock = os.open(f"{HERE}/lock", os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until this process ends
            break
        facts = _load("runtime.json") or _load("tunnel/state.json")  # one may have been deleted
        if _alive(facts.get("keeper")) and facts["kept"] == kept:  # it goes on, with these keys
            _set_up_ssh(facts, keys, tunnel.ports)
            _wait_for(lambda: _load("tunnel/state.json").get("status") == "up", tunnel.patience)
            return _announce(tunnel, facts, _load("tunnel/state.json"))
        _end(facts.get("keeper"))
        time.sleep(0.05)
    facts = _load("runtime.json") or _load("tunnel/state.json")
    if facts.get("machine") != (boot := _machine()):  # a new life, with a new host key
        facts = {"version": 1, "machine": boot, "boot_id": uuid.uuid4().hex, "started": time.time()}
        _remove("sshd/host_key")
    _end(_load("tunnel/state.json").get("agent"))  # left by a keeper that was killed
    facts |= {"name": name, "via": tunnel.via, "root": path, "kept": kept}
    facts |= {"user": _run(["id", "-un"]).stdout.strip(), "keeper": _record(os.getpid())}
    facts["port"] = facts["port"] if _alive(facts.get("sshd")) else _free_port(facts.get("port", 0))
    _set_up_ssh(facts, keys, tunnel.ports)
    _write("runtime.json", facts)
    _start_sshd(facts)
    told, delay, limit = Facts(), 1, time.monotonic() + tunnel.patience
    print(f"The SSH server runs; its tunnel: {tunnel.via}.")
    while True:
        _write("tunnel/state.json", {**facts, **told, "status": "starting"})
        try:
            with contextlib.closing(tunnel.hold(facts)) as moments:
                for state in moments:
                    _start_sshd(facts)
                    if any(state.get(each) != told.get(each) for each in ("address", "closed")):
                        _announce(tunnel, facts, state, told.get("address", ""))
                    _write("tunnel/state.json", {**facts, **state, "status": "up"})
                    told, delay = state, 1
        except CellError as lost:
            _write("tunnel/state.json", {**facts, **told, "status": "lost", "code": lost.code})
            if not told and (lost.code or time.monotonic() > limit):
                raise
            if delay < 15:  # the same again and again says nothing new
                print(lost)
        time.sleep(delay)
        delay = min(2 * delay, 15)


def _announce(tunnel: Tunnel, facts: Facts, state: Facts, before: str = "") -> None:
    """Print how to connect, once the SSH server answers there: no secret in it, no command."""
    address = state.get("address", "-")
    if not _wait_for(lambda: tunnel.greets(address), 30, pause=2):  # ngrok counts connections
        step = "Run colabdev_stop(), then this cell again."
        raise CellError(f"No SSH server answers at {address}.", step)
    said = [state[each] for each in ("program", "closed") if each in state]
    said += ["The tunnel moved."] if before not in ("", address) else []
    said += [f"SSH answers at {address}. On your laptop, run:\n"]
    query = {"key": facts["host_key"], "boot": facts["boot_id"], "root": facts["root"]}
    fields = urllib.parse.urlencode({**query, "via": facts["via"], **tunnel.query, "v": "1"})
    alias = "" if facts["name"] == "colab" else f" --name {facts['name']}"
    line = f"colabdev://{urllib.parse.quote(facts['user'])}@{address}?{fields}"
    print("\n".join([*said, f"colabdev connect '{line}'{alias}\n"]))


def _set_up_ssh(facts: Facts, keys: list[str], ports: tuple[int, ...]) -> None:
    """Write down what our sshd needs to take *keys*; if it runs, it reads that anew."""
    program = _sshd_program(f"/usr/sbin:/usr/local/sbin:{os.environ.get('PATH', os.defpath)}")
    home = os.path.realpath(os.path.dirname(HERE))
    if os.stat(home).st_mode & 0o022 or os.stat(home).st_uid not in (0, os.getuid()):
        step = "Set HOME to a folder that is yours alone (chmod go-w), and run the cell again."
        raise CellError(f"sshd takes no key below {home}: it is not yours alone.", step)
    if not _read("sshd/host_key"):
        _run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-C", "", "-f", f"{HERE}/sshd/host_key"])
    facts["host_key"] = " ".join(_read("sshd/host_key.pub").split()[:2])
    _write("sshd/authorized_keys", "".join(f"{key}\n" for key in keys))
    environment = _handed_on().items()
    _write("env.sh", "".join(f"export {name}={shlex.quote(text)}\n" for name, text in environment))
    if os.getuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd's privilege separation wants it
        if "COLAB_RELEASE_TAG" in os.environ:
            with open("/etc/profile.d/colabdev.sh", "w") as stream:
                stream.write(PROFILE)
    before = _read("sshd/sshd_config")
    lines = [f"ListenAddress 127.0.0.1:{port}" for port in (facts["port"], *ports)]
    allowed = _quoted(f"{HERE}/sshd/authorized_keys".replace("%", "%%"))
    lines += [f"HostKey {_quoted(HERE + '/sshd/host_key')}", f"AuthorizedKeysFile {allowed}"]
    lines += [f"PidFile {_quoted(HERE + '/sshd/pid')}", f"AllowUsers {facts['user']}"]
    # Without PAM sshd refuses whoever has a locked password, key or not.
    locked = not _run(["grep", "-q", f"^{facts['user']}:!", "/etc/shadow"]).returncode
    lines += [f"UsePAM {'yes' if locked else 'no'}", *SSHD_SETTINGS.split("; ")]
    if not _run(["grep", "-q", "persourcepenalties", program]).returncode:  # OpenSSH 9.8 and later
        lines += ["PerSourcePenalties no"]  # all come from loopback, strangers and the user
    # Of several SetEnv lines only the first counts, and none can hold a newline; env.sh can.
    pairs = [_quoted(f"{name}={text}") for name, text in environment if "\n" not in text]
    config = _write("sshd/sshd_config", "\n".join([*lines, f"SetEnv {' '.join(pairs)}", ""]))
    facts["serve"] = [program, "-D", "-e", "-f", config]
    _run([program, "-t", "-f", config]).check_returncode()
    if _alive(facts.get("sshd")) and before != _read("sshd/sshd_config"):
        _remove("sshd/pid")
        os.kill(facts["sshd"][0], signal.SIGHUP)  # it reads that anew, and logins live on
        _wait_for(lambda: bool(_read("sshd/pid")), 10)


def _quoted(text: str) -> str:  # as sshd's argv_split reads it
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _start_sshd(facts: Facts) -> None:
    """Start our sshd, unless it runs."""
    if not _alive(facts.get("sshd")):
        _remove("sshd/pid")
        facts["sshd"] = _started(facts["serve"], "sshd/log", "sshd/log")
        _write("runtime.json", facts)
        if not _wait_for(lambda: bool(_read("sshd/pid")), 10):
            raise CellError("The SSH server did not start.", f"Its log is {HERE}/sshd/log.")


def _sshd_program(search: str) -> str:
    """Return the absolute path of an sshd in *search*, installed there if that can be done."""
    apt = shutil.which("apt-get", path=search)
    if not shutil.which("sshd", path=search) and apt and os.getuid() == 0:
        print("There is no sshd here: installing openssh-server.")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run([apt, "-qq", "update"], quiet)
        _run([apt, "-qq", "install", "-y", "openssh-server"], quiet)
    if program := shutil.which("sshd", path=search):
        return os.path.abspath(program)
    raise CellError("This machine has no sshd.", "Install its package openssh-server.")


def _handed_on() -> dict[str, str]:
    """Return the environment that SSH logins get, so that CUDA is there as in the notebook."""
    names = [name for name in os.environ if name.isidentifier() and name.isascii()]
    kept = {name: os.environ[name] for name in names if not NOT_HANDED_ON.fullmatch(name)}
    ours = {"COLABDEV_RUNTIME": HERE, "COLABDEV_PYTHON": sys.executable}
    return {**kept, "HOME": os.path.expanduser("~"), **ours}


def _alive(record: list[Any] | None) -> bool:
    """Tell whether the process of *record* is there and is still the same."""
    return record is not None and _born(record[0]) == record[1] != ""


def _record(pid: int) -> list[Any]:
    """Return what tells the process *pid* from every other: its number and its start time."""
    return [pid, _born(pid)]


def _children(parent: int) -> list[list[Any]]:
    return [_record(int(pid)) for pid in _run(["pgrep", "-P", str(parent)]).stdout.split()]


def _end(record: list[Any] | None) -> bool:
    """End the process of *record*, by force after ten seconds; False when it was not there."""
    there = _alive(record)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if record and _alive(record):
            os.kill(record[0], number)
            _wait_for(lambda: not _alive(record), 10)
    return there


def _wait_for(done: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    limit = time.monotonic() + seconds
    while not (there := done()) and time.monotonic() < limit:
        time.sleep(pause)
    return there


def _run(words: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    nothing = subprocess.DEVNULL
    return subprocess.run(
        words, env=env, stdin=nothing, capture_output=True, encoding="utf-8", errors="replace"
    )


def _started(words: list[str], out: str, err: str) -> list[Any]:
    """Start *words* in a session of its own, which no signal of the notebook's reaches."""
    options: Any = {"env": _handed_on(), "stdin": subprocess.DEVNULL, "start_new_session": True}
    paths = f"{HERE}/{out}", f"{HERE}/{err}"
    with open(paths[0], "a", opener=_private) as one, open(paths[1], "a", opener=_private) as two:
        return _record(subprocess.Popen(words, stdout=one, stderr=two, **options).pid)


def _free_port(wanted: int = 0) -> int:
    """Return the loopback port *wanted*, or another one where that is taken."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)) as probe:
            return int(probe.getsockname()[1])
    raise CellError("There is no free port on loopback.", "Restart the machine.")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write(name: str, content: str | Facts) -> str:
    """Write a file of ours; who reads it meanwhile sees the old or the new, never a half."""
    path, text = f"{HERE}/{name}", content if isinstance(content, str) else json.dumps(content)
    with open(f"{path}.{os.getpid()}", "w", opener=_private, **TEXT) as stream:
        stream.write(text)
    os.replace(stream.name, path)
    return path


def _read(name: str) -> str:
    path = f"{HERE}/{name}"
    with contextlib.suppress(FileNotFoundError), open(path, **TEXT) as stream:
        return str(stream.read())
    return ""


def _remove(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(f"{HERE}/{name}")


def _load(name: str) -> Facts:
    try:
        return dict(json.loads(_read(name) or "{}"))
    except (ValueError, TypeError):
        raise CellError(f"{HERE}/{name} is damaged.", "Delete it and run the cell again.") from None
