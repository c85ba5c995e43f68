"""The cell: a private SSH server on this machine, and the line to connect with."""

import contextlib
import json
import linecache
import os
import pathlib
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

from colabdev.payload.cell.banner import _greets
from colabdev.payload.cell.here import PATIENCE, PORTS, VIA, _hold, _prepare
from colabdev.payload.cell.linux import _record

HERE = pathlib.Path.home() / ".colabdev"  # all that the cell writes, and nobody else may enter
IN_COLAB = "COLAB_RELEASE_TAG" in os.environ
# Not handed on to SSH logins: what sshd sets itself, what only a kernel wants, secrets, odd names.
NOT_HANDED_ON = re.compile(
    r"(?ai)USER|LOGNAME|SHELL|MAIL|PWD|OLDPWD|SHLVL|_|TERM|COLUMNS|LINES|MPLBACKEND|PAGER|GIT_PAGER"
    r"|FORCE_COLOR|CLICOLOR(_FORCE)?|\d.*|(?s:.*\W.*)|(SSH|JPY|IPYKERNEL|PYDEVD|COLABDEV|NGROK)_.*"
    r"|(.*_)?(AUTH|API)?(TOKENS?|SECRETS?|PASS(WORD|WD|PHRASE)?|PAT|KEYS?)(_.*)?"
)
SSHD_SETTINGS = (  # reachable from this machine alone, by key alone
    "AuthenticationMethods publickey; PasswordAuthentication no; KbdInteractiveAuthentication no; "
    "PermitRootLogin prohibit-password; StrictModes yes; MaxAuthTries 3; LoginGraceTime 30; "
    "MaxStartups 50:30:100; MaxSessions 64; UseDNS no; ClientAliveInterval 30; "
    "AllowTcpForwarding yes; X11Forwarding no; PrintMotd no; Subsystem sftp internal-sftp"
)
GPUS = "nvidia-smi --query-gpu=name,memory.used,utilization.gpu --format=csv,noheader"
# Gives PATH back to our own SSH logins, where /etc/profile resets it; idle in all others.
PROFILE = '[ ! -r "${COLABDEV_RUNTIME-}/env.sh" ] || . "$COLABDEV_RUNTIME/env.sh"\n'
Facts = dict[str, Any]
# How our files are opened: by nobody else, and with whatever bytes an environment may hold.
OURS: Any = {"errors": "surrogateescape", "opener": lambda path, how: os.open(path, how, 0o600)}


class CellError(Exception if "ipykernel" in sys.modules else SystemExit):  # type: ignore[misc]
    """A failure told in one sentence and one next step; with a *reason*, trying again is no use."""

    def __init__(self, sentence: str, step: str, reason: str = "") -> None:
        super().__init__(f"{sentence}\n{step}")
        self.reason = reason

    def _render_traceback_(self) -> list[str]:
        return [str(self)]  # IPython shows this in place of a traceback


@contextlib.contextmanager
def _plain_failures() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise CellError("Interrupted.", "Run the cell again: it goes on from here.") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise CellError(
            f"The cell cannot go on: {error}.", "Is the disk full? See above."
        ) from None


@_plain_failures()
def colabdev_cell(settings: Any, keys: list[str], name: str, root: str, keep_open: bool) -> None:
    """Open this machine to whoever holds one of *keys*, and print how to connect."""
    source = "".join(linecache.getlines(_show.__code__.co_filename))
    if os.name != "posix" or not source:  # as below a %magic line
        raise CellError("The cell cannot run here.", "Run it by itself, on Linux, macOS or WSL.")
    if sys.argv[1:] == ["stop"]:
        return colabdev_stop()
    _run("mkdir", "-p", "-m", "700", f"{HERE}", f"{HERE}/sshd", f"{HERE}/tunnel")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise CellError(f"{name!r} is no name.", "Choose letters, digits, dots and dashes.")
    path = os.path.abspath(os.path.expanduser(root or ("/content" if IN_COLAB else "~/content")))
    _run("mkdir", "-p", path, "/run/sshd")  # sshd wants the second where root may make it
    if not os.access(path, os.W_OK | os.X_OK) or not path.isprintable() or len(path.encode()) > 400:
        raise CellError(f"The workspace {path!r} cannot be used.", "Change WORKSPACE_ROOT above.")
    wanted = {"via": VIA, "settings": settings, "name": name, "root": path}
    if sys.argv[1:] == ["keep"]:
        return _keep(wanted, keys)
    _prepare(settings)  # installs, asks the user, refuses this machine
    return _show(_write("cell.py", source), wanted, keys, keep_open)


@_plain_failures()
def colabdev_stop() -> None:
    """End the SSH server, its logins and the tunnel that the cell started, and nothing else."""
    facts = {**_load("runtime.json"), **_load("tunnel/state.json")}
    keeper, sshd = facts.get("keeper"), facts.get("sshd")
    ended = [_end(each) for each in (keeper, *_around("-s", keeper), sshd, *_around("-P", sshd))]
    for each in ("state.json", "idle.json", "ngrok.yml", "relay_secret"):
        (HERE / "tunnel" / each).unlink(missing_ok=True)
    print("Stopped: no SSH here any more." if any(ended) else "Nothing was running.")


def _show(cell: str, wanted: Facts, keys: list[str], keep_open: bool) -> None:
    """Run the *cell* as a process of its own, which outlives the notebook; show what it says."""
    words, said = [sys.executable, "-u", "-X", "utf8", cell, "keep"], ""
    with open(HERE / "keeper.log", "a+", **OURS) as log:
        facts = {**_load("runtime.json"), **_load("tunnel/state.json")}  # one may be gone
        if _alive(keeper := facts.get("keeper")) and {**facts, **wanted} == facts:
            _set_up_ssh(facts, keys)  # the keeper sees that, and says again where the server is
        else:
            _end(keeper)
            _write("failure", "The keeper ended.\nRun the cell again.\n")
            keeper = _started(words, "keeper.log", "failure")
        while "colabdev connect '" not in said:
            ended, text = not _alive(keeper), log.read()
            said += text
            print(text, end="", flush=True)
            if ended:
                raise CellError(*(HERE / "failure").read_text().strip().split("\n")[-2:])
            time.sleep(0.05)
        facts = _load("runtime.json") or facts
        _end(None if facts["keeper"] == keeper else keeper)  # another one was faster
        try:
            while keep_open:
                facts = _load("runtime.json") or facts
                if not _alive(facts["keeper"]):
                    raise CellError("\nSSH server and tunnel ended.", "Run this cell again.")
                hours, minutes = divmod(int(time.time() - facts["started"]) // 60, 60)
                gpus = _run("sh", "-c", GPUS).replace("\n", " | ")
                logins = len(_around("-P", facts["sshd"]))
                status = f"up {hours}:{minutes:02} h | {gpus}connections: {logins}"
                print(f"\r{status:<78}", end="", flush=True)
                time.sleep(5)
                if text := log.read():
                    print(f"\n{text}", end="")
        except KeyboardInterrupt:
            print("\nSSH stays up without this cell; colabdev_stop() ends it.")


def _keep(wanted: Facts, keys: list[str]) -> None:
    """Be that process, the keeper: hold SSH server and tunnel, and bring back whichever dies."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    signal.alarm(60)  # which ends it, where another keeper does not end
    os.lockf(os.open(HERE / "lock", os.O_RDWR | os.O_CREAT, 0o600), os.F_LOCK, 0)  # one at a time
    signal.alarm(0)
    facts = _load("runtime.json") or _load("tunnel/state.json")
    boot = _run("sh", "-c", "cat /proc/sys/kernel/random/boot_id || sysctl kern.bootsessionuuid")
    if facts.get("machine") != boot:  # a new life, with a new host key
        facts = {"version": 1, "machine": boot, "boot_id": uuid.uuid4().hex, "started": time.time()}
        _run("sh", "-c", 'yes | ssh-keygen -qt ed25519 -N "" -f "$0"', f"{HERE}/sshd/host_key")
    for agent in _around("-s", facts.get("keeper")):  # left by a keeper that was killed
        _end(agent)
    facts |= {**wanted, "user": _run("id", "-un").strip(), "keeper": _record(os.getpid())}
    facts["port"] = facts["port"] if _alive(facts.get("sshd")) else _free_port(facts.get("port", 0))
    _set_up_ssh(facts, keys)
    _write("runtime.json", facts)
    _keep_sshd_up(facts)
    told, delay, limit = dict[str, Any](), 1, time.monotonic() + PATIENCE
    _write("tunnel/state.json", {**facts, "status": "starting"})
    while True:
        try:
            for state in _hold(facts):
                with contextlib.suppress(OSError):  # as of a full disk, which is no end of a tunnel
                    _keep_sshd_up(facts)
                    state["asked"] = os.stat(HERE / "sshd/authorized_keys").st_mtime_ns
                    if any(state.get(x) != told.get(x) for x in ("address", "closed", "asked")):
                        _announce(facts, state, told.get("address", ""))
                    _write("tunnel/state.json", {**facts, **state, "status": "up"})
                    told, delay = state, 1
        except CellError as why:
            fatal = not told and (why.reason or time.monotonic() > limit)
            with contextlib.suppress(OSError):
                _write("tunnel/state.json", {**facts, **told, "status": "off", "code": why.reason})
                if delay < 15 and not fatal:  # the same again and again says nothing new
                    print(why)
            if fatal:
                raise
        time.sleep(delay)
        delay = min(2 * delay, 15)


def _announce(facts: Facts, state: Facts, before: str) -> None:
    """Print how to connect, once the SSH server answers there: no secret in it, no command."""
    address = state["address"]
    if not _wait_for(lambda: _greets(address), 30, pause=2):  # ngrok counts connections
        raise CellError(f"No SSH server answers at {address}.", "Run colabdev_stop() and the cell.")
    moved = "The tunnel moved." if before not in ("", address) else ""
    said = filter(None, [state.get("program"), state.get("closed"), moved])
    query = {"key": facts["host_key"], "boot": facts["boot_id"], "root": facts["root"], "via": VIA}
    fields = urllib.parse.urlencode({**query, **state.get("query", {}), "v": "1"})
    alias = "" if facts["name"] == "colab" else f" --name {facts['name']}"
    line = f"colabdev://{urllib.parse.quote(facts['user'])}@{address}?{fields}"
    print(*said, f"SSH answers at {address}. On your laptop, run:\n", sep="\n")
    print(f"colabdev connect '{line}'{alias}\n")


def _set_up_ssh(facts: Facts, keys: list[str]) -> None:
    """Write down what our sshd needs to take *keys*; if it runs, it reads that anew."""
    program = _sshd_program(f"/usr/sbin:/usr/local/sbin:{os.environ.get('PATH', os.defpath)}")
    home = os.path.realpath(HERE.parent)
    if os.stat(home).st_mode & 0o022 or os.stat(home).st_uid not in (0, os.getuid()):
        raise CellError(f"{home} is not yours alone, as sshd wants it.", f"Run: chmod go-w {home}")
    facts["host_key"] = " ".join((HERE / "sshd/host_key.pub").read_text().split()[:2])
    _write("sshd/authorized_keys", "".join(f"{key}\n" for key in keys))
    environment = _handed_on().items()
    _write("env.sh", "".join(f"export {name}={shlex.quote(text)}\n" for name, text in environment))
    if IN_COLAB and os.getuid() == 0:
        pathlib.Path("/etc/profile.d/colabdev.sh").write_text(PROFILE)
    lines = [f"ListenAddress 127.0.0.1:{port}" for port in (facts["port"], *PORTS)]
    allowed = _quoted(f"{HERE}/sshd/authorized_keys".replace("%", "%%"))
    lines += [f"HostKey {_quoted(f'{HERE}/sshd/host_key')}", f"AuthorizedKeysFile {allowed}"]
    lines += [f"PidFile {_quoted(f'{HERE}/sshd/pid')}", f"AllowUsers {facts['user']}"]
    # Without PAM sshd refuses whoever has a locked password, key or not.
    locked = _run("grep", "-l", f"^{facts['user']}:!", "/etc/shadow")
    lines += [f"UsePAM {'yes' if locked else 'no'}", *SSHD_SETTINGS.split("; ")]
    if _run("grep", "-l", "persourcepenalties", program):  # OpenSSH 9.8 and later
        lines += ["PerSourcePenalties no"]  # all come from loopback, strangers and the user
    # Of several SetEnv lines only the first counts, and none can hold a newline; env.sh can.
    pairs = [_quoted(f"{name}={text}") for name, text in environment if "\n" not in text]
    config = _write("sshd/sshd_config", "\n".join([*lines, f"SetEnv {' '.join(pairs)}", ""]))
    facts["serve"] = [program, "-D", "-e", "-f", config]
    subprocess.run([program, "-t", "-f", config], check=True)
    (HERE / "sshd/pid").unlink(missing_ok=True)
    if _alive(facts.get("sshd")):
        os.kill(facts["sshd"][0], signal.SIGHUP)  # it reads that anew, and logins live on
        _wait_for((HERE / "sshd/pid").exists, 10)


def _quoted(text: str) -> str:  # as sshd's argv_split reads it
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _keep_sshd_up(facts: Facts) -> None:
    if not _alive(facts.get("sshd")):
        facts["sshd"] = _started(facts["serve"], "sshd/log", "sshd/log")
        _write("runtime.json", facts)
        if not _wait_for((HERE / "sshd/pid").exists, 10):
            raise CellError("The SSH server did not start.", f"Its log is {HERE}/sshd/log.")


def _sshd_program(search: str) -> str:
    """Return the absolute path of an sshd in *search*, installed there if that can be done."""
    apt = shutil.which("apt-get", path=search)
    if not shutil.which("sshd", path=search) and apt and os.getuid() == 0:
        print("There is no sshd here: installing openssh-server.")
        for words in ("update", "install -y openssh-server"):
            _run("env", "DEBIAN_FRONTEND=noninteractive", apt, "-qq", *words.split())
    if program := shutil.which("sshd", path=search):
        return os.path.abspath(program)
    raise CellError("This machine has no sshd.", "Install its package openssh-server.")


def _handed_on() -> dict[str, str]:
    """Return the environment that SSH logins get, so that CUDA is there as in the notebook."""
    kept = {name: os.environ[name] for name in os.environ if not NOT_HANDED_ON.fullmatch(name)}
    return {**kept, "COLABDEV_RUNTIME": f"{HERE}", "COLABDEV_PYTHON": sys.executable}


def _alive(record: list[Any] | None) -> bool:
    """Tell whether the process of *record* is there and is still the same."""
    return bool(record and record[1] and _record(record[0]) == record)


def _around(how: str, record: list[Any] | None) -> list[list[Any]]:
    """Return the children ("-P") of a process, or its session ("-s"), which may outlive it."""
    ours = record and _record(record[0])[1] in ("", record[1])  # or the number is another's now
    pids = _run("pgrep", how, str(record[0])).split() if record and ours else []
    return [_record(int(pid)) for pid in pids]


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


def _run(*words: str) -> str:
    options: Any = {"stdin": subprocess.DEVNULL, "capture_output": True, "errors": "replace"}
    return str(subprocess.run(words, **options).stdout)


def _started(words: list[str], out: str, err: str) -> list[Any]:
    """Start *words* in a session of its own, which no signal of the notebook's reaches."""
    options: Any = {"env": _handed_on(), "stdin": subprocess.DEVNULL, "start_new_session": True}
    with open(HERE / out, "a", **OURS) as one, open(HERE / err, "a", **OURS) as two:
        return _record(subprocess.Popen(words, stdout=one, stderr=two, **options).pid)


def _free_port(wanted: int = 0) -> int:
    """Return the loopback port *wanted*, or another one where that is taken."""
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", wanted)) as probe:
        return int(probe.getsockname()[1])
    return _free_port() if wanted else 0


def _write(name: str, content: str | Facts) -> str:
    """Write a file of ours; who reads it meanwhile sees the old or the new, never a half."""
    path = f"{HERE}/{name}"
    with open(f"{path}.{os.getpid()}", "w", **OURS) as stream:
        stream.write(content if isinstance(content, str) else json.dumps(content))
    os.replace(stream.name, path)
    return path


def _load(name: str) -> Facts:
    try:
        return dict(json.loads((HERE / name).read_text()))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError):
        raise CellError(f"{HERE}/{name} is damaged.", "Delete it and run the cell again.") from None
