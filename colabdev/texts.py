"""Files that ship with colabdev as text: templates, and the programs that run on the VM."""

import re
from pathlib import Path

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


def _joined(name: str, seen: set[str]) -> str:
    seen.add(name)
    source = (_PACKAGE / "payload" / f"{name}.py").read_text(encoding="utf-8")
    parts = [_joined(part, seen) for part in _PART.findall(source) if part not in seen]
    return "".join(parts) + _PART.sub("", source)
