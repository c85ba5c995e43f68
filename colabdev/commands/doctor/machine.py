"""The checks of the runtime, from what it told over a plain, non-interactive login."""

import ipaddress
import json
import re
from collections.abc import Callable, Sequence
from typing import Any  # a JSON object of anything

from colabdev.commands.doctor.check import Finding, Patient, Step, fail, ok, warn
from colabdev.language import mark, tr

_SKEW = 30.0  # seconds
_LITTLE = 5_000_000  # KiB free; a checkpoint and its copy
_NOTHING = 200_000


def _again() -> str:
    return tr("Run the cell again and connect with the string it prints.")


def _life(patient: Patient) -> Finding:
    assert patient.runtime is not None
    record = _record(patient)
    if "boot_id" not in record:
        return fail(tr("the cell's record is missing"), "runtime.json", _again())
    if record["boot_id"] != patient.runtime.boot_id:
        return fail(tr("the machine was started anew since"), "runtime.json", _again())
    return ok(tr("the machine that was connected"), "runtime.json")


def _record(patient: Patient) -> dict[str, Any]:
    """Return what the machine has noted of itself, empty when that cannot be read."""
    try:
        return dict(json.loads(patient.said.get("life", "")))
    except (ValueError, TypeError):
        return {}


def _environment(patient: Patient) -> Finding:
    said = patient.said
    ran_a_cell = "host_key" in _record(patient) or not _record(patient)
    if not said.get("runtime") and ran_a_cell:
        return fail(tr("COLABDEV_RUNTIME is not set"), "ssh", _again())
    libraries = f", LD_LIBRARY_PATH={said['libraries']}" if said.get("libraries") else ""
    return ok(f"PATH={said.get('path', '')}{libraries}", "ssh")


def _gpu(patient: Patient) -> Finding:
    name = patient.said.get("gpu", "")
    if not name and _is_here(patient):
        return ok(tr("none: what runs there computes on the processor"), "nvidia-smi")
    if not name:
        return warn(
            tr("none"), "nvidia-smi", tr("In Colab: Runtime > Change runtime type > a GPU.")
        )
    return ok(name, "nvidia-smi")


def _is_here(patient: Patient) -> bool:
    """Tell whether the runtime is this very computer, of which nobody expects Colab's GPU."""
    destination = patient.runtime.destination if patient.runtime else None
    if destination is None or destination.via != "none":
        return False
    try:
        return ipaddress.ip_address(destination.hostname).is_loopback
    except ValueError:
        return destination.hostname == "localhost"


def _torch(patient: Patient) -> Finding:
    said = patient.said.get("torch", "")
    words = said.split()
    source = patient.said.get("python", "python")
    if len(words) != 2 or words[1] not in ("True", "False"):
        return warn(said or tr("no answer"), source, "colabdev shell -- pip install torch")
    if words[1] == "True":
        return ok(f"torch {words[0]}, torch.cuda.is_available()", source)
    found = f"torch {words[0]}, torch.cuda.is_available() = False"
    if patient.said.get("gpu"):
        return fail(found, source, tr("There is a GPU, but torch does not see it. ") + _again())
    if _is_here(patient):
        return ok(tr("torch {version}, on the processor", version=words[0]), source)
    return warn(found, source, tr("There is no GPU: it computes on the processor."))


def _disk(patient: Patient) -> Finding:
    assert patient.runtime is not None
    fields = patient.said.get("disk", "").split()
    if len(fields) < 6 or not fields[3].isdigit():
        return warn(tr("not known"), "df", "colabdev shell -- df -h")
    free = int(fields[3])
    found = tr("{size} GB free", size=f"{free * 1024 / 1e9:.1f}")
    if free < _NOTHING:
        return fail(found, patient.runtime.root, "colabdev shell -- du -xh -d 2 .")
    if free < _LITTLE:
        return warn(found, patient.runtime.root, "colabdev shell -- du -xh -d 2 .")
    return ok(found, patient.runtime.root)


def _clock(patient: Patient) -> Finding:
    if abs(patient.skew) > _SKEW:
        return warn(
            tr("{seconds} s apart", seconds=f"{patient.skew:+.0f}"),
            "date",
            tr("Set this computer's clock by the network; signatures and times depend on it."),
        )
    return ok(tr("in step"), "date")


def _at_least(name: str, needed: tuple[int, ...], pattern: str) -> Callable[[Patient], Finding]:
    """Return the check that the version of *name* is what VS Code's server needs."""

    def look(patient: Patient) -> Finding:
        said = patient.said.get(name, "")
        match = re.search(pattern, said)
        wanted = ".".join(map(str, needed))
        if match is None:
            return warn(
                said or tr("not known"),
                "ssh",
                tr("VS Code needs at least {version}.", version=wanted),
            )
        version = tuple(int(part) for part in match[1].split("."))
        if version < needed:
            return fail(said, "ssh", tr("VS Code needs at least {version}.", version=wanted))
        return ok(said, "ssh")

    return look


_libstdcxx = _at_least("libstdcxx", (3, 4, 25), r"GLIBCXX_(\d+\.\d+\.\d+)")


def _library(patient: Patient) -> Finding:
    if not patient.said.get("libstdcxx") and patient.said.get("listed"):
        return fail(tr("missing"), "ldconfig", "colabdev shell -- apt-get install -y libstdc++6")
    return _libstdcxx(patient)


def _tools(patient: Patient) -> Finding:
    missing = [name for name in ("bash", "tar") if not patient.said.get(name)]
    if not (patient.said.get("curl") or patient.said.get("wget")):
        missing.append("curl")
    if missing:
        return fail(
            tr("missing: {names}", names=", ".join(missing)),
            "ssh",
            f"colabdev shell -- apt-get install -y {' '.join(missing)}",
        )
    return ok(tr("bash, tar, and curl or wget"), "ssh")


_LOGIN = ("login",)
STEPS: Sequence[Step] = (
    Step(mark("machine"), _life, _LOGIN),
    Step(mark("environment"), _environment, _LOGIN),
    Step(mark("GPU"), _gpu, _LOGIN),
    Step(mark("torch"), _torch, _LOGIN),
    Step(mark("disk"), _disk, _LOGIN),
    Step(mark("clock"), _clock, _LOGIN),
    Step(mark("kernel"), _at_least("kernel", (4, 18), r"Linux (\d+\.\d+)"), _LOGIN),
    Step(mark("glibc"), _at_least("libc", (2, 28), r"glibc (\d+\.\d+)"), _LOGIN),
    Step(mark("libstdc++"), _library, _LOGIN),
    Step(mark("VS Code's tools"), _tools, _LOGIN),
)
