"""Files that ship with colabdev as text: templates, and the programs that run on the VM."""

import os
import re
import zlib
from pathlib import Path

from colabdev import __version__

_PACKAGE = Path(__file__).parent
_PART = re.compile(r"^from colabdev\.payload\.(\w+) import (?:\([^)]*\)|.*)\n", re.M)


def templates_dir() -> Path:
    """Return ``templates/``: inside the package of a wheel, beside the package in a checkout."""
    inside = _PACKAGE / "templates"
    return inside if inside.is_dir() else _PACKAGE.parent / "templates"


def template(name: str) -> str:
    """Return the text of the template *name*."""
    return (templates_dir() / name).read_text(encoding="utf-8")


def payload(name: str) -> str:
    """Return the source of the program ``payload/<name>.py``, as it is sent to the VM.

    What it imports from its neighbours stands in the text itself, each part once and before what
    needs it, so that nothing but the standard library is asked for there.
    """
    return _joined(name, set())


def payload_state() -> str:
    """Return what is another text whenever a program for the VM may be another one."""
    with os.scandir(_PACKAGE / "payload") as found:
        files = [(one.name, one.stat()) for one in found if one.name.endswith(".py")]
    state = sorted((name, status.st_size, status.st_mtime_ns) for name, status in files)
    return f"{__version__}-{zlib.crc32(repr(state).encode()):08x}"


def _joined(name: str, seen: set[str]) -> str:
    seen.add(name)
    source = (_PACKAGE / "payload" / f"{name}.py").read_text(encoding="utf-8")
    parts = [_joined(part, seen) for part in _PART.findall(source) if part not in seen]
    return "".join(parts) + _PART.sub("", source)
