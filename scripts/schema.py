"""Write into docs/json.md what the ``data`` of each command's result is, from its types."""

import dataclasses
import enum
import json
import re
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any  # a JSON schema, a type hint

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PAGE = ROOT / "docs" / "json.md"
_BLOCK = re.compile(r"(?<=```json results\n).*?(?=```)", re.DOTALL)
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def results() -> dict[str, object]:
    """Return the type of what each command gives as its result; None where it gives none."""
    from colabdev.commands.code import Opened
    from colabdev.commands.connect import Connection
    from colabdev.commands.doctor.check import Check
    from colabdev.commands.exercises.history import SideBySide
    from colabdev.commands.follow import RunOutcome
    from colabdev.commands.forward import Forwarded
    from colabdev.commands.gpu import Sample
    from colabdev.commands.init import Adopted
    from colabdev.commands.new import NewProject
    from colabdev.commands.status import Status
    from colabdev.commands.uninstall import Removed
    from colabdev.commands.watch import Watched
    from colabdev.exercises.course import Text
    from colabdev.exercises.judge import Problem
    from colabdev.jobs.job import Job
    from colabdev.results.run import Run
    from colabdev.sync.report import SyncReport

    setting = {"key": str, "value": object, "source": str, "where": str}
    outcome = str | None
    checked = {"exercise": str, "outcome": outcome, "passed": int, "tasks": int}
    place = {
        "exercise": str, "title": Text, "topic": str, "file": str, "line": int,
        "passed": str | bool, "hints": int, "next": outcome, "done": int, "total": int,
    }  # fmt: skip
    nothing_left = {"exercise": type(None)}
    untaken = {"exercise": str, "title": Text, "topic": str, "brief": str}
    listed = {
        "slug": str, "title": str, "topic": str, "gpu": str, "seconds": float,
        "covers": list[str], "state": str,
    }  # fmt: skip
    ran = {"exercise": str, "outcome": str, "tasks": str, "run": str}
    return {
        "attach": RunOutcome,
        "cancel": Job,
        "cell": {"cell": str},
        "code": Opened,
        "completion": {"shell": str, "script": str, "changed": str | None},
        "config set": setting,
        "config show": [setting],
        "config unset": {"key": str, "found": bool},
        "connect": Connection,
        "demo": None,
        "disconnect": None,
        "doctor": list[Check],
        "down": None,
        "exercises": (place, nothing_left),
        "exercises author check": list[Problem],
        "exercises check": [checked],
        "exercises hint": {
            "exercise": str, "number": int, "total": int, "hint": str, "docs": list[str],
        },
        "exercises list": [listed],
        "exercises next": (place, nothing_left),
        "exercises reset": Mapping[str, str | None],
        "exercises results": SideBySide,
        "exercises run": ({"outcome": outcome, "run": RunOutcome}, [ran]),
        "exercises show": (place, untaken),
        "exercises solution": {
            "exercise": str, "solution": str, "explanation": str, "docs": list[str],
        },
        "exercises start": {"folder": str, "files": object, "place": place},
        "exercises watch": [checked],
        "forward": Forwarded,
        "gpu": list[Sample],
        "init": Adopted,
        "jobs": list[Job],
        "jobs prune": list[Job],
        "logs": None,
        "new": NewProject,
        "proxy": None,
        "pull": SyncReport,
        "push": SyncReport,
        "results list": list[Run],
        "results show": Run,
        "run": RunOutcome,
        "runtimes": [{
            "alias": str, "default": bool, "state": str, "address": str, "via": str,
            "stable": bool, "connected": str, "problem": str,
        }],
        "runtimes forget": None,
        "runtimes rename": None,
        "shell": None,
        "status": list[Status],
        "sync": (SyncReport, Watched),
        "uninstall": Removed,
        "up": Connection,
        "wait": list[Job],
    }  # fmt: skip


def schema() -> dict[str, Any]:
    """Return one JSON schema with the result of each command by its name."""
    named: dict[str, Any] = {}
    commands = {
        name: {"not": {}} if type_ is None else _schema(type_, named)
        for name, type_ in results().items()
    }
    return {"$defs": dict(sorted(named.items())), "properties": commands}


def _schema(hint: Any, named: dict[str, Any]) -> dict[str, Any]:
    if isinstance(hint, tuple):
        return {"anyOf": [_schema(one, named) for one in hint]}
    if isinstance(hint, list):
        return {"type": "array", "items": _schema(hint[0], named)}
    if isinstance(hint, dict):
        return _object(hint, named)
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, named)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [one.value for one in hint]}
    if isinstance(hint, type) and issubclass(hint, Path):
        return {"type": "string"}
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _either([_schema(one, named) for one in inside])
    if origin is typing.Literal:
        return {"enum": list(inside)}
    if origin in (list, tuple, Sequence, set, frozenset):
        return {"type": "array", "items": _schema(inside[0], named)}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _schema(inside[1], named)}
    return {}  # anything


def _either(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    if all(kind.keys() == {"type"} for kind in kinds):
        return {"type": [kind["type"] for kind in kinds]}
    return {"anyOf": kinds}


def _dataclass(hint: Any, named: dict[str, Any]) -> dict[str, Any]:
    name = f"{hint.__module__.rpartition('.')[2]}.{hint.__name__}"
    if name not in named:
        named[name] = {}  # it may hold itself
        hints = typing.get_type_hints(hint)
        named[name] = _object(
            {one.name: hints[one.name] for one in dataclasses.fields(hint)}, named
        )
    return {"$ref": f"#/$defs/{name}"}


def _object(fields: Mapping[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    properties = {name: _schema(one, named) for name, one in fields.items()}
    return {"type": "object", "required": list(fields), "properties": properties}


def page() -> str:
    """Return docs/json.md with the schema as it is now."""
    text = PAGE.read_text(encoding="utf-8")
    whole = schema()
    lines = [
        f"  {json.dumps(part)}: {{\n"
        + ",\n".join(
            f"    {json.dumps(name)}: {json.dumps(one)}" for name, one in whole[part].items()
        )
        + "\n  }"
        for part in ("properties", "$defs")
    ]
    return _BLOCK.sub(lambda _: "{\n" + ",\n".join(lines) + "\n}\n", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
