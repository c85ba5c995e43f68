"""Files that ship with colabdev as text: templates, and the programs that run on the VM."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def templates_dir() -> Path:
    """Return ``templates/``: inside the package of a wheel, beside the package in a checkout."""
    inside = _PACKAGE / "templates"
    return inside if inside.is_dir() else _PACKAGE.parent / "templates"


def template(name: str) -> str:
    """Return the text of the template *name*."""
    return (templates_dir() / name).read_text(encoding="utf-8")


def payload(name: str) -> str:
    """Return the source of the program ``payload/<name>.py``, as it is sent to the VM."""
    return (_PACKAGE / "payload" / f"{name}.py").read_text(encoding="utf-8")
