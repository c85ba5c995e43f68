"""The cell: a private SSH server on this machine, a tunnel to it, and the line to connect with."""

import builtins
import contextlib
import functools
import getpass
import hashlib
import importlib.metadata
import json
import linecache
import logging
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
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# What ngrok refuses, and the step that mends it (https://ngrok.com/docs/errors).
DASHBOARD = "https://dashboard.ngrok.com"
NEW_TOKEN = f"Copy yours from {DASHBOARD}/get-started/your-authtoken and run the cell again."
NEXT_MONTH = f"Wait for the next month or change the plan: {DASHBOARD}/usage."
ADD_CARD = f"Add one at {DASHBOARD}/settings#id-verification; ngrok does not charge it."
NEW_AGENT = "Delete ~/.colabdev/tunnel/ngrok (or update PYNGROK_NGROK_PATH) and run the cell again."
REFUSALS = {
    "ERR_NGROK_8013": ("ngrok opens no TCP tunnel without a payment card on file.", ADD_CARD),
    "ERR_NGROK_121": ("This ngrok agent is too old for ngrok's service.", NEW_AGENT),
    "ERR_NGROK_108": ("This ngrok account has too many agents online.", f"See {DASHBOARD}/agents."),
    "ERR_NGROK_105": ("This is no ngrok authtoken.", NEW_TOKEN),
    "ERR_NGROK_107": ("ngrok does not know this authtoken; was it reset?", NEW_TOKEN),
    "ERR_NGROK_4018": ("ngrok got no authtoken.", NEW_TOKEN),
    "ERR_NGROK_123": (
        "The ngrok account's e-mail is not verified.",
        f"See {DASHBOARD}/user/settings.",
    ),
    "ERR_NGROK_725": ("This month's ngrok bandwidth is used up.", NEXT_MONTH),
    "ERR_NGROK_726": ("This month's ngrok connections are used up.", NEXT_MONTH),
    "ERR_NGROK_729": ("This month's ngrok TCP connections are used up.", NEXT_MONTH),
    "ERR_NGROK_702": (
        "Too many ngrok connections in one minute.",
        "Run the cell again in a minute.",
    ),
    "ERR_NGROK_307": ("This ngrok account did not reserve that TCP address.", f"See {DASHBOARD}."),
}

# Not handed on to SSH logins: what sshd sets itself, what only a kernel wants, and secrets.
NOT_HANDED_ON = re.compile(
    r"(?i)USER|LOGNAME|SHELL|MAIL|PWD|OLDPWD|SHLVL|_|TERM|COLUMNS|LINES|MPLBACKEND|PAGER|GIT_PAGER"
    r"|FORCE_COLOR|CLICOLOR(_FORCE)?|(SSH|JPY|IPYKERNEL|PYDEVD|COLABDEV|NGROK)_.*"
    r"|(.*_)?(AUTH|API)?(TOKENS?|SECRETS?|PASS(WORD|WD|PHRASE)?|PAT|KEYS?)(_.*)?"
)
SSHD_SETTINGS = (  # reachable from this machine alone, by key alone
    "ListenAddress 127.0.0.1; AuthenticationMethods publickey; PasswordAuthentication no; "
    "KbdInteractiveAuthentication no; PermitRootLogin prohibit-password; StrictModes yes; "
    "MaxAuthTries 3; LoginGraceTime 30; MaxStartups 50:30:100; MaxSessions 64; UseDNS no; "
    "ClientAliveInterval 30; AllowTcpForwarding yes; X11Forwarding no; PrintMotd no; "
    "Subsystem sftp internal-sftp"
)


class CellError(Exception):
    """A failure told in one sentence and one next step."""

    def __init__(self, message: str, step: str) -> None:
        super().__init__(f"{message}\n{step}")

    def _render_traceback_(self) -> list[str]:
        return [str(self)]  # IPython shows this in place of a traceback


def colabdev_cell(key: str, tunnel: str, name: str, root: str, keep_open: bool) -> None:
    """Open this machine to the laptop whose public key is *key*, and print how to connect.

    As a script it also knows two words: ``stop``, and ``keep`` for the process that keeps the
    tunnel, which no interrupt or restart of a notebook kernel reaches.
    """
    word = " ".join(sys.argv[1:])
    if word == "keep":
        _keep_tunnel()
    elif word == "stop":
        colabdev_stop()
    else:
        with _plain_failures():
            facts = _open(key, tunnel, name, root)
            if keep_open:
                _watch(facts)


def colabdev_stop() -> None:
    """End the SSH server, its logins and the tunnel that the cell started, and nothing else."""
    with _plain_failures(), _alone():
        facts = _load("runtime.json")
        server = _server(facts)
        logins = _children(server[0]) if server else []
        logins += facts.pop("logins", [])
        ended = [_end_tunnel(facts), _end(server), *map(_end, logins)]
        _remove("sshd/pid")
        _remove("tunnel/ngrok.yml")
        if facts:
            _save("runtime.json", {**facts, "sshd": None})
        print("Stopped: no SSH here any more." if any(ended) else "Nothing was running.")


@contextlib.contextmanager
def _plain_failures() -> Iterator[None]:
    try:
        yield
    except (CellError, KeyboardInterrupt, OSError, subprocess.SubprocessError) as error:
        failure = error
        if isinstance(error, KeyboardInterrupt):
            failure = CellError("Interrupted.", "Run the cell again: it goes on from here.")
        elif not isinstance(error, CellError):
            step = "Check the free space and the permissions there."
            failure = CellError(f"The cell cannot go on: {error}.", step)
        if hasattr(builtins, "__IPYTHON__"):
            raise failure from None  # the cell counts as failed, and "Run all" stops here
        sys.exit(str(failure))


def _open(key: str, tunnel: str, name: str, root: str) -> dict[str, Any]:
    if os.name != "posix":
        raise CellError("The cell needs Linux or macOS.", "On Windows, run it inside WSL.")
    import pwd  # not on Windows, where this file must still import

    if tunnel not in ("ngrok", "none"):
        raise CellError(f"There is no tunnel called {tunnel!r}.", "Choose ngrok or none.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise CellError(f"{name!r} is no name.", "Choose letters, digits, dots and dashes.")
    if "COLAB_RELEASE_TAG" in os.environ:
        print("Colab lets only accounts with compute units use SSH (see Colab's FAQ).")
    token = os.environ.pop("NGROK_AUTHTOKEN", "")  # nothing that starts here shall inherit it
    user = pwd.getpwuid(os.getuid()).pw_name
    with _alone():
        facts = {**_life(), "name": name, "via": tunnel, "root": _workspace(root), "user": user}
        port = facts.get("port")
        _serve_ssh(facts, key)
        if tunnel == "none" or port != facts["port"]:
            _end_tunnel(facts)
        facts["address"] = _loopback(facts)
        if tunnel == "ngrok":
            facts["address"] = _tunnel_address(facts, token)
        _announce(facts)
    return facts


def _announce(facts: Mapping[str, Any]) -> None:
    """Print how to connect, once the SSH server answers there: no secret in it, no command."""
    if not _wait_for(lambda: _greets(facts["address"]), 30, pause=2):  # ngrok counts connections
        step = "Run colabdev_stop(), then this cell again."
        raise CellError(f"No SSH server answers at {facts['address']}.", step)
    safe = functools.partial(urllib.parse.quote, safe="")
    kind, key = facts["host_key"].split()
    line = (
        f"colabdev connect 'colabdev://{safe(facts['user'])}@{facts['address']}"
        f"?key={safe(kind)}+{safe(key)}&boot={facts['boot_id']}&root={safe(facts['root'])}"
        f"&via={facts['via']}&v=1'"
    )
    alias = "" if facts["name"] == "colab" else f" --name {facts['name']}"
    print(f"SSH answers at {facts['address']}. On your laptop, run:\n\n{line}{alias}\n", flush=True)


def _life() -> dict[str, Any]:
    """Return the record of this life of the machine; a reboot begins a new one."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as stream:
            machine = stream.read().strip()
    except FileNotFoundError:
        machine = _run(["sysctl", "-n", "kern.bootsessionuuid"]).stdout.strip()
    facts = _load("runtime.json")
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
        raise CellError(f"The workspace {path!r} cannot be used.", step)
    return path


# --- the SSH server ---------------------------------------------------------------------------


def _serve_ssh(facts: dict[str, Any], key: str) -> None:
    """See to an sshd of ours that takes *key*, and put its port and host key into *facts*."""
    program = _sshd_program(f"/usr/sbin:/usr/local/sbin:{os.environ.get('PATH', os.defpath)}")
    _check_modes(facts["user"])
    if not _read("sshd/host_key.pub"):
        _remove("sshd/host_key")
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]
        _run([*words, _path("sshd/host_key")]).check_returncode()
    facts["host_key"] = " ".join(_read("sshd/host_key.pub").split()[:2])
    _write("sshd/authorized_keys", f"{key}\n")
    environment = _handed_on(os.environ)
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    _write("env.sh", "".join(exports))
    if os.getuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd's privilege separation wants it
        if "COLAB_RELEASE_TAG" in os.environ:
            _write_profile("/etc/profile.d/colabdev.sh")
    server = _server(facts)
    facts["port"] = facts["port"] if server else _free_port(facts.get("port", 0))
    config = _sshd_config(program, facts, environment)
    if not server or config != _read("sshd/sshd_config") or not _greets(_loopback(facts)):
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
        print("There is no sshd here: installing openssh-server.", flush=True)
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
            raise CellError(f"sshd takes no key below {folder}: it is not yours alone.", step)


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


def _sshd_config(program: str, facts: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    def quoted(text: str) -> str:  # as sshd's argv_split reads it
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    locked = False  # sshd without PAM refuses whoever has a locked password, key or not
    with contextlib.suppress(OSError), open("/etc/shadow") as stream:
        locked = any(line.startswith(f"{facts['user']}:!") for line in stream)
    lines = [
        f"Port {facts['port']}",
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
    if record is None and pid and "port" in facts and _greets(_loopback(facts)):
        record = [int(pid), _born(int(pid))]  # the cell was interrupted while this one started
    return record if record and _alive(record) else None


def _start_sshd(
    program: str, config: str, facts: dict[str, Any], environment: Mapping[str, str]
) -> list[Any]:
    _write("sshd/sshd_config", config)
    _remove("sshd/pid")
    _save("runtime.json", {**facts, "sshd": None})
    log = _path("sshd/log")
    options = ["-f", _path("sshd/sshd_config"), "-E", log]
    done = _run([program, "-t", *options[:2]], environment)
    if done.returncode == 0:
        done = _run([program, *options], environment)
    if done.returncode or not _wait_for(lambda: _server({**facts, "sshd": None}) is not None, 10):
        said = (done.stderr or _read("sshd/log")).strip().splitlines() or ["it said nothing"]
        raise CellError(f"sshd did not start: {said[-1]}", f"Its log is {log}.")
    facts["started"] = time.time()
    pid = int(_read("sshd/pid"))
    return [pid, _born(pid)]


# --- the tunnel -------------------------------------------------------------------------------


def _tunnel_address(facts: dict[str, Any], token: str) -> str:
    """Return where ngrok leads to our sshd, after starting a keeper unless one is there."""
    if not _alive(facts.get("keeper")):
        _end_tunnel(facts)
        _install_pyngrok()
        _save("tunnel/ngrok.yml", {"version": 3, "agent": {"authtoken": _ngrok_token(token)}})
        print("Opening the ngrok tunnel.", flush=True)
        facts["keeper"] = _start_keeper()
        _save("runtime.json", facts)

    def settled() -> bool:
        state = _load("tunnel/state.json")
        up = state.get("status") == "up" and _alive(state["agent"])  # not one that just died
        return up or state.get("status") == "failed" or not _alive(facts["keeper"])

    _wait_for(settled, 120)
    state = _load("tunnel/state.json")
    if state.get("status") == "up":
        return str(state["address"])
    _end_tunnel(facts)
    code, detail = state.get("code", ""), state.get("detail") or "it gave no reason."
    if REFUSALS.get(code, ("", ""))[1] == NEW_TOKEN:
        _remove("tunnel/ngrok.yml")  # so that the next run asks anew
    if code in REFUSALS:
        raise CellError(f"{REFUSALS[code][0]} ({code})", REFUSALS[code][1])
    log = _path("tunnel/keeper.log")
    raise CellError(f"ngrok opened no tunnel: {detail}", f"See {DASHBOARD} and {log}.")


def _ngrok_token(given: str) -> str:
    """Return the authtoken: from Colab's Secrets, the environment, an earlier run, or the user."""
    earlier = _load("tunnel/ngrok.yml").get("agent", {}).get("authtoken", "")
    token = _colab_secret() or given.strip() or earlier
    if not token:
        nobody = (EOFError, NotImplementedError, getpass.GetPassWarning)  # is there to answer
        with contextlib.suppress(*nobody), warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would show the token
            token = getpass.getpass("ngrok authtoken (not shown): ").strip()
    if not re.fullmatch(r"[!-~]+", token):
        step = f"Take one from {DASHBOARD} and put it into Colab's Secrets (the key icon)."
        raise CellError("There is no ngrok authtoken (NGROK_AUTHTOKEN).", step)
    return token


def _colab_secret() -> str:
    try:
        from google.colab import userdata
    except ImportError:
        return ""
    try:
        return str(userdata.get("NGROK_AUTHTOKEN")).strip()
    except userdata.SecretNotFoundError:
        pass
    except userdata.NotebookAccessError:
        print("Colab has the secret NGROK_AUTHTOKEN: switch on 'Notebook access' beside it.")
    except (getattr(userdata, "TimeoutException", TimeoutError), ValueError):
        print("Colab's Secrets did not answer; they need the notebook's page to be open.")
    return ""


def _install_pyngrok() -> None:
    for name, major, wanted in (("pyngrok", "9.", "pyngrok>=9,<10"), ("PyYAML", "", "PyYAML")):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            if importlib.metadata.version(name).startswith(major):
                continue
        print(f"Installing {wanted}, and no other package.", flush=True)
        done = _run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", wanted])
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise CellError(f"pip cannot install {wanted}: {said[-1]}", "Try it in another cell.")


def _start_keeper() -> list[Any]:
    """Start this very text as a process of its own; return its pid and start time."""
    source = "".join(linecache.getlines(_start_keeper.__code__.co_filename))
    if not source:
        step = "Paste it into a cell of its own, without a %%magic line, and run it again."
        raise CellError("The cell cannot find its own text.", step)
    program = f"payload/bootstrap-{hashlib.sha256(source.encode()).hexdigest()[:12]}.py"
    _write(program, source)
    with open(_path("tunnel/keeper.log"), "w", opener=_private) as log:
        keeper = subprocess.Popen(
            [sys.executable, _path(program), "keep"],
            env=_handed_on(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return [keeper.pid, _born(keeper.pid)]


def _keep_tunnel() -> None:
    """Hold the tunnel until told to end (SIGTERM), with a new agent for one that died."""
    from pyngrok import conf, ngrok
    from pyngrok.exception import PyngrokError

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    logging.disable()  # ngrok repeats a token it refuses, and pyngrok logs what ngrok says
    me = [os.getpid(), _born(os.getpid())]
    if not _wait_for(lambda: _load("runtime.json").get("keeper") == me, 10):
        return  # the cell was interrupted before it took note of this process
    facts, settings = _load("runtime.json"), _load("tunnel/ngrok.yml")
    public = {name: facts[name] for name in ("name", "user", "host_key", "boot_id", "root")}
    config = conf.PyngrokConfig(
        ngrok_path=os.environ.get("PYNGROK_NGROK_PATH") or _path("tunnel/ngrok"),
        config_path=_path("tunnel/ngrok.yml"),
        start_new_session=True,
        request_timeout=20,
    )
    state: dict[str, Any] = {}
    agent, delay = None, 1
    while state.get("status") != "failed":
        _save("tunnel/state.json", {**state, "status": "starting"})
        try:
            settings["agent"]["web_addr"] = f"127.0.0.1:{_free_port()}"
            _save("tunnel/ngrok.yml", settings)  # JSON is YAML
            tunnel = ngrok.connect(
                proto="tcp",
                name="colabdev",
                upstream={"url": _loopback(facts)},
                metadata=json.dumps(public, ensure_ascii=False),
                pyngrok_config=config,
            )
            agent = ngrok.get_ngrok_process(config).proc
            while agent.poll() is None:  # it may move on its own, after it lost its connection
                url = ngrok.api_request(f"{tunnel.api_url}{tunnel.uri}", timeout=20)["url"]
                address, record = url.removeprefix("tcp://"), [agent.pid, _born(agent.pid)]
                state, delay = {"status": "up", "address": address, "agent": record}, 1
                _save("tunnel/state.json", state)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    agent.wait(2)
        except (PyngrokError, OSError, ValueError, LookupError) as error:
            state = _refusal(error, settings["agent"]["authtoken"], been_up=agent is not None)
            _save("tunnel/state.json", state)
            print(state["detail"], flush=True)
        finally:
            if agent is not None:
                agent.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    agent.wait(5)
            ngrok.kill(config)
        time.sleep(delay)
        delay = min(2 * delay, 60)


def _refusal(error: Exception, token: str, been_up: bool) -> dict[str, Any]:
    """Return the state after *error*: failed if trying again is of no use, else starting."""
    logs = [entry.line for entry in getattr(error, "ngrok_logs", [])]
    said = " ".join([str(error), getattr(error, "body", ""), *logs]).replace(token, "...")
    found = re.search(r"ERR_NGROK_\d+", said)
    code = found[0] if found else ""
    # ngrok counts the agent that just died for a while: the new one may find itself too many.
    passing = been_up and (code not in REFUSALS or code in ("ERR_NGROK_108", "ERR_NGROK_702"))
    status = "failed" if code and not passing else "starting"
    return {"status": status, "code": code, "detail": " ".join(said.split())[:300]}


def _end_tunnel(facts: dict[str, Any]) -> bool:
    ended = [_end(facts.pop("keeper", None)), _end(_load("tunnel/state.json").get("agent"))]
    _remove("tunnel/state.json")
    return any(ended)


# --- what the cell shows while it stays -------------------------------------------------------


def _watch(facts: dict[str, Any]) -> None:
    """Show one status line until interrupted, and say when the tunnel moved."""
    try:
        while True:
            state = _load("tunnel/state.json")
            if not _alive(facts["sshd"]) or not _alive(facts.get("keeper", facts["sshd"])):
                raise CellError("\nThe SSH server or its tunnel ended.", "Run this cell again.")
            if state.get("address", facts["address"]) != facts["address"]:
                print("\nThe tunnel moved.")
                facts["address"] = state["address"]
                _announce(facts)
            print(f"\r{_status(facts):<78}", end="", flush=True)
            time.sleep(5)
    except KeyboardInterrupt:
        print("\nSSH stays up without this cell; colabdev_stop() ends it.")


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


def _stat(pid: int) -> list[str]:
    """Return parent and start time of the process *pid*, nothing when it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", errors="replace") as stream:
        fields = stream.read().rpartition(")")[2].split()  # from the third on: proc(5)
        return [] if fields[0] == "Z" else [fields[1], fields[19]]
    if os.path.exists("/proc/self/stat"):
        return []
    ps = ["ps", "-o", "stat=,ppid=,lstart=", "-p", str(pid)]
    words = _run(ps, {**os.environ, "LC_ALL": "C"}).stdout.split()
    return [] if not words or words[0].startswith("Z") else [words[1], " ".join(words[2:])]


def _born(pid: int) -> str:
    return "".join(_stat(pid)[1:])


def _alive(record: list[Any] | None) -> bool:
    """Tell whether the process of *record* (pid and start time) is there and is still the same."""
    return record is not None and _born(record[0]) == record[1] != ""


def _children(parent: int) -> list[list[Any]]:
    if os.path.exists("/proc/self/stat"):
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    else:
        pids = [int(word) for word in _run(["pgrep", "-P", str(parent)]).stdout.split()]
    return [[pid, _born(pid)] for pid in pids if _stat(pid)[:1] == [str(parent)]]


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


def _greets(address: str) -> bool:
    """Tell whether an SSH server answers at *address* (RFC 4253, section 4.2)."""
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 5) as line:
        return line.makefile("rb").readline(256).startswith(b"SSH-2.0-")
    return False


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
    base = os.path.join(os.path.expanduser("~"), ".colabdev")
    path = os.path.join(base, name) if name else base
    for folder in (base, os.path.dirname(path) if name else base):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    return path


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
        raise CellError(f"{_path(name)} is damaged.", "Delete it and run the cell again.") from None
