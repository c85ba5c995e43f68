"""docs/json.md as a judge: are the lines that a command printed what the page says they are?"""

import functools
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any  # a JSON schema

import jsonschema

from tests.support.cli import json_lines

_PAGE = Path(__file__).parents[2] / "docs" / "json.md"


@functools.cache
def line_schema() -> object:
    """Return the schema of a line."""
    found = re.search(r"```json\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])


@functools.cache
def results() -> dict[str, Any]:
    """Return the schema of what each command's result is."""
    found = re.search(r"```json results\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def check_lines(words: Sequence[str], lines: Sequence[dict[str, Any]]) -> list[str]:
    """Hold each of the *lines* that the command *words* printed to the page; return their types."""
    known = results()["properties"]
    name = max((each for each in known if _begins(words, each.split())), key=len)
    for line in lines:
        jsonschema.validate(line, line_schema())
        if line["type"] == "result":
            jsonschema.validate(line["data"], {**known[name], "$defs": results()["$defs"]})
    return [line["type"] for line in lines]


def check(words: Sequence[str], done: subprocess.CompletedProcess[bytes]) -> list[str]:
    """Hold all that the command *words* printed, to its end, to the page; return the types."""
    lines = json_lines(done)
    types = check_lines(words, lines)
    assert types[-1] == "end"
    assert lines[-1]["exit_code"] == done.returncode
    return types


def _begins(words: Sequence[str], known: list[str]) -> bool:
    return list(words[: len(known)]) == known
