"""The cell as text: what the user pastes into a notebook, or the whole notebook."""

import json
import re
from pathlib import Path

from colabdev import texts
from colabdev.errors import InputError
from colabdev.remote.runtime import check_alias
from colabdev.store import write_atomic

TUNNELS = ("ngrok", "none")

_PUBLIC_KEY = re.compile(
    r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/=]+( .*)?"
)
_IMPORT = re.compile(r"^from colabdev\.payload\.bootstrap import .*\n", re.MULTILINE)


def render_cell(
    public_key: str,
    *,
    tunnel: str = "ngrok",
    name: str = "colab",
    root: str = "",
    keep_open: bool = False,
) -> str:
    """Return the cell that opens a machine to the holder of *public_key*, one OpenSSH line.

    *root* is the workspace there, empty for the machine's usual one. Equal arguments give equal
    text.

    Raises:
        InputError: an argument cannot be what it should be.
    """
    if tunnel not in TUNNELS:
        raise InputError(f"There is no tunnel {tunnel!a}.", f"Known are: {', '.join(TUNNELS)}.")
    if not _PUBLIC_KEY.fullmatch(public_key) or not public_key.isprintable():
        raise InputError("This is no public key of OpenSSH's.", "Give the line of a .pub file.")
    if root and not (root.startswith(("/", "~/")) and root.isprintable()):
        raise InputError(
            f"{root!a} is no workspace root.", "Give an absolute path on the VM, as /content."
        )
    check_alias(name)
    text = texts.template("cell.py")
    fields = {
        "TUNNEL": _literal(tunnel),
        "NAME": _literal(name),
        "WORKSPACE_ROOT": _literal(root),
        "KEEP_OPEN": str(keep_open),
        "PUBLIC_KEY": _literal(public_key),
    }
    for field, literal in fields.items():
        text = _filled_in(text, field, literal)
    bootstrap = texts.payload("bootstrap")
    return _IMPORT.sub(lambda _: bootstrap, text, count=1)


def render_notebook(cell_text: str) -> str:
    """Return a notebook (.ipynb, format 4.5) with *cell_text* and what belongs around it."""
    cells = [
        _cell("markdown", "about", texts.template("notebook.md")),
        _cell("code", "gpu", texts.template("notebook_gpu.py")),
        _cell("code", "colabdev", cell_text),
    ]
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "accelerator": "GPU",
            "colab": {"name": "colabdev.ipynb", "provenance": []},
            "kernelspec": {"display_name": "Python 3", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "cells": cells,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def write_notebook(path: Path, cell_text: str) -> None:
    """Write `render_notebook` to *path*.

    Raises:
        ConfigError: it cannot be written there.
    """
    write_atomic(path, render_notebook(cell_text).encode(), mode=0o644)


def _cell(kind: str, name: str, source: str) -> dict[str, object]:
    code: dict[str, object] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    lines = source.rstrip("\n").splitlines(keepends=True)
    return {"cell_type": kind, "id": name, "metadata": {}, "source": lines, **code}


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _filled_in(text: str, field: str, literal: str) -> str:
    """Return *text* with another value in the line ``FIELD = value  # @param``."""
    line = re.compile(rf'^({field} = )("[^"]*"|False)', re.MULTILINE)
    filled, count = line.subn(lambda match: match[1] + literal, text)
    assert count == 1, f"the template has one line for {field}"
    return filled
