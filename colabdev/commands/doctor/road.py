"""The checks of the road: the name, the port, the server behind it, its key, and the login."""

import shlex
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from colabdev.commands.doctor.causes import Diagnosis, diagnosis
from colabdev.commands.doctor.check import Finding, Patient, Step, ask, fail, ok
from colabdev.commands.doctor.laptop import ssh_words
from colabdev.errors import system_says
from colabdev.language import mark, tr
from colabdev.remote.destination import Destination

_LIMIT = 10.0  # seconds for a step on the network
_PROBE_LIMIT = 150.0  # the first import of torch on a fresh VM takes long
_MARK = "colabdev-doctor"
_LONGEST = 4000  # characters of an answer
_LONGEST_BANNER = 256  # bytes; RFC 4253, section 4.2, allows 255

# Run by the login's shell without a terminal, as VS Code runs its own: what it sees, they see.
_PROBE = """
say() { printf '%s %s=%s\\n' MARK "$1" "$(printf '%s' "$2" | tr '\\n' ' ')"; }
root=ROOT
while [ ! -d "$root" ] && [ "$root" != / ]; do root=$(dirname "$root"); done
say date "$(date +%s)"
say path "$PATH"
say libraries "${LD_LIBRARY_PATH-}"
say runtime "${COLABDEV_RUNTIME-}"
say connection "${SSH_CONNECTION-}"
life="${COLABDEV_RUNTIME:-$HOME/.colabdev}/runtime.json"
[ ! -r "$life" ] || say life "$(cat "$life")"
say kernel "$(uname -sr)"
say libc "$(getconf GNU_LIBC_VERSION 2>/dev/null)"
for tool in bash tar curl wget; do say "$tool" "$(command -v $tool)"; done
libraries=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null)
say listed "${libraries:+yes}"
for file in $(printf '%s\\n' "$libraries" | sed -n 's/.*libstdc++\\.so\\.6 .*=> //p'); do
  say libstdcxx "$(grep -ao 'GLIBCXX_3\\.4\\.[0-9]*' "$file" | sort -t. -k3n | tail -n 1)"
  break
done
say disk "$(df -Pk "$root" 2>/dev/null | tail -n 1)"
say gpu "$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)"
cd /
python="${COLABDEV_PYTHON:-python3}"
say python "$("$python" -V 2>&1)"
say torch "$("$python" -c 'import torch
print(torch.__version__, torch.cuda.is_available())' 2>&1 | tail -n 1)"
say end yes
"""


@dataclass(slots=True)
class _Lookup:
    addresses: list[str] = field(default_factory=list)
    error: str = ""


def _plain(patient: Patient) -> Destination | None:
    """Return where a plain TCP connection leads to the runtime, None on another road."""
    runtime = patient.runtime
    if runtime is None or runtime.destination is None:
        return None
    return runtime.destination if runtime.destination.via in ("none", "ngrok") else None


def _name(patient: Patient) -> Finding | None:
    destination = _plain(patient)
    if destination is None:
        return None
    found = _Lookup(error=tr("no answer in time"))
    thread = threading.Thread(target=_resolve, args=(destination, found), daemon=True)
    thread.start()
    thread.join(_LIMIT)
    if not found.addresses:
        return fail(
            tr("{host} does not resolve: {reason}", host=destination.hostname, reason=found.error),
            tr("name service"),
            tr("Check this computer's network; if it is fine, run the cell again."),
        )
    return ok(f"{destination.hostname} = {found.addresses[0]}", tr("name service"))


def _resolve(destination: Destination, found: _Lookup) -> None:
    try:
        answers = socket.getaddrinfo(
            destination.hostname, destination.port, type=socket.SOCK_STREAM
        )
    except OSError as error:
        found.error = system_says(error)
        return
    found.addresses = [str(answer[4][0]) for answer in answers]


def _port(patient: Patient) -> Finding | None:
    destination = _plain(patient)
    if destination is None:
        return None
    place = str(destination).partition("@")[2]
    start = time.monotonic()
    try:
        socket.create_connection((destination.hostname, destination.port), _LIMIT).close()
    except OSError as error:
        return fail(
            tr("{place} does not answer: {reason}", place=place, reason=system_says(error)),
            "TCP",
            tr("Run the cell again and connect with the string it prints."),
        )
    return ok(f"{place}, {(time.monotonic() - start) * 1000:.0f} ms", "TCP")


def _banner(patient: Patient) -> Finding | None:
    destination = _plain(patient)
    if destination is None:
        return None
    line, reason = b"", ""
    deadline = time.monotonic() + _LIMIT  # for the whole line: what answers may let it trickle
    try:
        with socket.create_connection((destination.hostname, destination.port), _LIMIT) as link:
            while b"\n" not in line and len(line) < _LONGEST_BANNER:
                link.settimeout(max(0.01, deadline - time.monotonic()))
                if not (part := link.recv(_LONGEST_BANNER - len(line))):
                    break
                line += part
    except OSError as error:
        reason = system_says(error)
    line = line.partition(b"\n")[0]
    if line.startswith(b"SSH-2.0-"):
        return ok(line.decode("ascii", "replace").strip(), "TCP")
    said = line.decode("ascii", "replace").strip() or reason or tr("nothing")
    return fail(
        tr("no SSH server: it says {said}", said=said),
        "TCP",
        tr("The tunnel is up, the server behind it is not: run the cell again."),
    )


def _login(patient: Patient) -> Finding | None:
    runtime = patient.runtime
    if runtime is None or runtime.destination is None:
        return None
    if "failed" in patient.said:
        return fail(patient.said["failed"], "ssh", patient.said["step"])
    return ok(f"{runtime.destination.user}@{runtime.alias}", "ssh")


def _host_key(patient: Patient) -> Finding | None:
    runtime = patient.runtime
    if runtime is None or runtime.destination is None:
        return None
    why = _probe(patient)
    if why is not None and why.host_key:
        return fail(why.sentence, "ssh", why.step)
    if why is not None:
        patient.said.update(failed=why.sentence, step=why.step)
        if not why.known:
            return None  # ssh did not get that far: the login tells
    return ok(tr("the pinned one"), "ssh")


def _probe(patient: Patient) -> Diagnosis | None:
    """Log in with the real ssh, ask the runtime all there is to know; say why when it fails."""
    assert patient.runtime is not None
    script = _PROBE.replace("MARK", _MARK).replace("ROOT", shlex.quote(patient.runtime.root))
    options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-T"]
    before = time.time()
    asked = ask(
        [*ssh_words(), *options, patient.runtime.alias, "sh -s"], stdin=script, limit=_PROBE_LIMIT
    )
    for line in asked.stdout.splitlines():
        mark, _, entry = line.partition(" ")
        name, _, value = entry.partition("=")
        if mark == _MARK:
            patient.said[name] = value.strip()[:_LONGEST]
    if not patient.said:
        return diagnosis(asked.stderr)
    there = patient.said.get("date", "")
    if there.isdigit():
        # The answer was given somewhere between the question and now; the login took most of it.
        after = min(time.time(), before + _LIMIT)
        patient.skew = min((int(there) - moment for moment in (before, after)), key=abs)
        if before - 1 <= int(there) <= after + 1:
            patient.skew = 0.0
    return None


def _forwarding(patient: Patient) -> Finding | None:
    """Open a channel to the server's own port on loopback, as VS Code does to its server."""
    if patient.runtime is None or patient.runtime.destination is None:
        return None
    port = patient.said.get("connection", "").rpartition(" ")[2]
    if not port.isdigit():
        return fail(tr("not known"), "SSH_CONNECTION", tr("Run the cell again."))
    options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-W", f"127.0.0.1:{port}"]
    asked = ask([*ssh_words(), *options, patient.runtime.alias])
    if not asked.stdout.startswith("SSH-2.0-"):
        why = diagnosis(asked.stderr)
        return fail(why.sentence, "ssh -W", why.step)
    return ok(tr("a forwarded port answers"), "ssh -W")


STEPS: Sequence[Step] = (
    Step(mark("name"), _name),
    Step(mark("port"), _port, ("name",)),
    Step(mark("SSH server"), _banner, ("port",)),
    Step(
        mark("host key"),
        _host_key,
        (
            "OpenSSH client",
            "user's SSH config",
            "colabdev's SSH files",
            "Include line",
            "SSH server",
            "cloudflared",
            "Google's CLI",
        ),
    ),
    Step(mark("login"), _login, ("host key", "key")),
    Step(mark("port forwarding"), _forwarding, ("login",)),
)
