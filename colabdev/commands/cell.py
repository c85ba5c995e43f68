"""The cell as text: what the user pastes into a notebook, or the whole notebook."""

import ast
import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from colabdev import texts
from colabdev.commands.cell_words import catalogue, in_language
from colabdev.commands.relay import relay_port
from colabdev.errors import InputError
from colabdev.language import mark, tr
from colabdev.remote.destination import Relay
from colabdev.remote.runtime import check_alias
from colabdev.store import write_atomic


@dataclass(frozen=True, slots=True)
class Road:
    """What a tunnel puts into the cell: *pieces* of ``payload/cell``, and *fields* of its own."""

    pieces: tuple[str, ...]
    fields: tuple[str, ...] = ()
    note: str = ""


# A local runtime may stand on macOS; what has a tunnel stands on Linux.
ROADS = {
    "ngrok": Road(
        ("core", "banner", "secret", "install", "refusals", "ngrok", "linux"),
        ("ADDRESS",),
        "ngrok: TCP needs an account with a payment card on file, which is not charged.",
    ),
    "cloudflared": Road(
        ("core", "install", "cloudflared", "linux"),
        note="Cloudflare: a quick tunnel, with no account; the laptop needs cloudflared as well.",
    ),
    "relay": Road(("core", "secret", "relay", "linux"), ("RELAY", "RELAY_KEY", "RELAY_PORT")),
    "none": Road(("core", "banner", "here", "anywhere")),
}
TUNNELS = tuple(ROADS)
_LEFT_OUT = ("colabdev", "typing", "collections.abc")  # modules
_WIDE = 100  # columns
_IDLE = "RELEASE_WHEN_IDLE"  # minutes

_PUBLIC_KEY = re.compile(
    r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/=]+( .*)?"
)
_NO_KEY = "ssh-ed25519 AAAA"
_PUB = mark("Give a file as ssh-keygen or 'colabdev cell' makes it: id_ed25519.pub.")
_ADDRESS = re.compile(r"[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?:[1-9][0-9]{0,4}")


def render_cell(
    public_key: str,
    *,
    more_keys: Sequence[str] = (),
    tunnel: str = "ngrok",
    name: str = "colab",
    root: str = "",
    keep_open: bool = False,
    address: str = "",
    relay: Relay | None = None,
    release_when_idle: int = 0,
    lang: str = "en",
) -> str:
    """Return the cell that opens a machine to the holder of *public_key*, one OpenSSH line.

    *more_keys* let in further laptops. *root* is the workspace there, empty for the machine's
    usual one. *address* is a TCP address reserved at ngrok, ``host:port``; *relay* is a server of
    the user's own, for the tunnel of that name. Only what the chosen *tunnel* needs is in the text,
    which speaks *lang* (of `language.LANGUAGES`) to whoever runs it. Equal arguments give equal
    text.

    Raises:
        InputError: an argument cannot be what it should be.
    """
    if tunnel not in ROADS:
        raise InputError(
            tr("There is no tunnel {tunnel!a}.", tunnel=tunnel),
            tr("Known are: {TUNNELS}.", TUNNELS=", ".join(TUNNELS)),
        )
    keys = [public_key, *more_keys]
    for key in keys:
        if not _PUBLIC_KEY.fullmatch(key) or not key.isprintable():
            raise InputError(
                tr("This is no public key of OpenSSH's."), tr("Give the line of a .pub file.")
            )
    if root and not (root.startswith(("/", "~/")) and root.isprintable()):
        raise InputError(
            tr("{root!a} is no workspace root.", root=root),
            tr("Give an absolute path on the VM, as /content."),
        )
    if address and (tunnel != "ngrok" or not _ADDRESS.fullmatch(address)):
        raise InputError(
            tr("{address!a} is no address reserved at ngrok.", address=address),
            tr("Give HOST:PORT as ngrok's dashboard shows it, with --tunnel ngrok."),
        )
    if (relay is not None) != (tunnel == "relay"):
        raise InputError(
            tr("A cell for the tunnel relay needs a relay, and no other cell takes one."),
            tr("Say: colabdev cell --relay USER@HOST:PORT"),
        )
    check_alias(name)
    road = ROADS[tunnel]
    if release_when_idle and (tunnel == "none" or not 1 <= release_when_idle <= 720):
        raise InputError(
            tr("A VM is released after 1 to 720 idle minutes, and only behind a tunnel."),
            tr("Say, for one: colabdev cell --release-when-idle 30"),
        )
    pieces, fields = road.pieces, road.fields
    if release_when_idle:
        pieces, fields = (*pieces, "idle"), (*fields, _IDLE)
    chosen: dict[str, str | bool] = {"NAME": name, "WORKSPACE_ROOT": root, "KEEP_OPEN": keep_open}
    if tunnel == "ngrok":
        chosen["ADDRESS"] = address
    if relay is not None:
        port = str(relay_port(public_key, name))
        chosen |= {"RELAY": str(relay), "RELAY_KEY": relay.host_key, "RELAY_PORT": port}
    head = _template("cell.py", lang)
    for note in (road.note,) if road.note else ():
        head = head.replace("# @markdown", f"# {catalogue(lang).get(note, note)}\n# @markdown", 1)
    head += "".join(f'{field} = ""  # @param {{type:"string"}}\n' for field in road.fields)
    for field, value in chosen.items():
        head = _filled_in(head, field, str(value) if isinstance(value, bool) else _literal(value))
    start = ""
    if release_when_idle:
        head += f'{_IDLE} = {release_when_idle}  # @param {{type:"number"}}\n'
        thread = f"threading.Thread(target=_release_when_idle, args=[{_IDLE}], daemon=True)"
        start = f'if sys.argv[1:] == ["keep"]:\n    {thread}.start()\n'
    listed = ",\n    ".join(map(_literal, keys))
    call = f"colabdev_cell([{', '.join(fields)}], PUBLIC_KEYS, NAME, WORKSPACE_ROOT, KEEP_OPEN)"
    start += call if len(call) <= _WIDE else call.replace("], ", "],\n              ")
    return f"{head}PUBLIC_KEYS = [{listed}]\n\n{_joined(pieces, lang)}\n{start}\n"


def read_public_key(path: Path) -> str:
    """Return the one public key of the OpenSSH file *path*.

    Raises:
        InputError: it holds none, more than one, or options before the key.
    """
    try:
        lines = path.read_text(encoding="utf-8").strip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            tr("{path} cannot be read as a public key.", path=path), tr(_PUB)
        ) from error
    if len(lines) != 1 or not _PUBLIC_KEY.fullmatch(lines[0]) or not lines[0].isprintable():
        raise InputError(
            tr("{path} holds no public key: one line, a known type, no options.", path=path),
            tr(_PUB),
        )
    return lines[0]


def _template(name: str, lang: str) -> str:
    stem, _, suffix = name.partition(".")
    return texts.template(name if lang == "en" else f"{stem}.{lang}.{suffix}")


def _joined(pieces: Iterable[str], lang: str) -> str:
    """Return the *pieces* as one program: their imports first, each once, then their bodies."""
    imports: dict[str, set[str]] = {}  # names by module; a module itself has none
    bodies = []
    for piece in pieces:
        text = _untyped(in_language(texts.payload(f"cell/{piece}"), lang))
        lines = text.splitlines()
        first, *rest = ast.parse(text).body  # the docstring of the module, which stays behind
        last = first.end_lineno or 0
        for node in rest:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                break
            last = node.end_lineno or 0
            if not (isinstance(node, ast.ImportFrom) and str(node.module).startswith(_LEFT_OUT)):
                module = str(node.module) if isinstance(node, ast.ImportFrom) else ""
                imports.setdefault(module, set()).update(alias.name for alias in node.names)
        # One blank line between definitions and none inside: the cell is read in one go.
        body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines[last:]).strip("\n"))
        body = re.sub(r"\n\n(?= )", "\n", body)
        body = re.sub(r"  # (noqa|type: ignore).*", "", body)  # meant for our own tools
        bodies.append(f"{body}\n")
    names = sorted(imports.pop("", set()))
    plain = textwrap.wrap(", ".join(names), 92)  # as notebooks do it: a few lines, not twenty
    heads = [f"import {line.strip(', ')}" for line in plain]
    heads += [f"from {each} import {', '.join(sorted(what))}" for each, what in imports.items()]
    return "\n".join([*heads, "", *bodies])


def _untyped(source: str) -> str:
    """Return the program *source* without its annotations, which only a type checker reads."""
    lines = source.encode().split(b"\n")
    cuts = []  # row, first and last column
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg) and node.annotation:
            name = node.col_offset + len(node.arg)
            cuts.append((node.lineno - 1, name, node.annotation.end_col_offset or 0))
        elif isinstance(node, ast.Call) and isinstance(
            node.func, ast.Subscript
        ):  # dict[str, int]()
            name = node.func.value.end_col_offset or 0
            cuts.append((node.lineno - 1, name, node.func.end_col_offset or 0))
        elif isinstance(node, ast.AnnAssign):
            name = node.target.end_col_offset or 0
            cuts.append((node.lineno - 1, name, node.annotation.end_col_offset or 0))
        elif isinstance(node, ast.FunctionDef) and node.returns:
            arrow = node.returns.col_offset - len(" -> ")
            cuts.append((node.returns.lineno - 1, arrow, node.returns.end_col_offset or 0))
    for row, start, end in sorted(cuts, reverse=True):
        before, after = lines[row][:start], lines[row][end:]
        default = before.lstrip().startswith(b"def ") and after.startswith(b" = ")
        lines[row] = before + (b"=" + after[3:] if default else after)
    text = b"\n".join(lines).decode()
    return re.sub(r"^\w+ = dict\[.*\n", "", text, flags=re.MULTILINE)  # names of types


def render_notebook(cell_text: str, lang: str = "en") -> str:
    """Return a notebook (.ipynb, format 4.5) with *cell_text* and, in *lang*, what is around it."""
    cells = [
        _cell("markdown", "about", _template("notebook.md", lang)),
        _cell("code", "gpu", _template("notebook_gpu.py", lang)),
        _cell("code", "colabdev", cell_text),
        _cell("code", "exercise", _template("notebook_exercise.py", lang)),
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


def write_notebook(path: Path, cell_text: str, lang: str = "en") -> None:
    """Write `render_notebook` to *path*.

    Raises:
        ConfigError: it cannot be written there.
    """
    write_atomic(path, render_notebook(cell_text, lang).encode(), mode=0o644)


def template_notebook() -> str:
    """Return the notebook that knows no laptop yet: its form asks for the public key."""
    cell = render_cell(_NO_KEY)
    for old, new in (
        (f'PUBLIC_KEYS = ["{_NO_KEY}"]\n', texts.template("notebook_key.py")),
        ("\ncolabdev_cell([", "\n" + texts.template("notebook_check.txt") + "colabdev_cell(["),
    ):
        assert cell.count(old) == 1, old
        cell = cell.replace(old, new)
    return render_notebook(cell)


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
