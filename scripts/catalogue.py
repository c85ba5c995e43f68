"""The Korean catalogue: taken from the sources, the help of the command line, and click."""

import ast
import io
import json
import re
import string
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

CHECKOUT = Path(__file__).resolve().parent.parent
PAYLOAD = CHECKOUT / "colabdev/payload"
FAR = CHECKOUT / "colabdev/locale/ko/far.json"
PO = CHECKOUT / "colabdev/locale/ko/LC_MESSAGES/colabdev.po"
MO = PO.with_suffix(".mo")
_CLICK = (
    *("core.py", "exceptions.py", "formatting.py", "parser.py", "decorators.py", "types.py"),
    "termui.py",
)


# What click says to programmers, not to users.
_PROGRAMMERS = re.compile(
    "decl|Name '{name}' defined|No options defined|Unknown color|%\\(prog\\)s"
)


def messages() -> dict[str, str | tuple[str, str]]:
    """Return all that is to be translated, by its English form."""
    found: dict[str, str | tuple[str, str]] = {}
    keywords = {"tr": None, "tr_n": (1, 2), "mark": None}
    for _, _, text, _, _ in extract_from_dir(CHECKOUT / "colabdev", keywords=keywords):
        found[text if isinstance(text, str) else text[0]] = text
    for text in _help():
        found[text] = text
    return found


# Programs whose words reach a user as a job's own output, or in both languages already.
_OF_JOBS = ("notebook.py", "report.py", "toolkit.py")
_WORDS = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}|^[A-Z][a-z]+[.:!?]$")
# What looks like words and is none: types, Python, and what is said to who runs them by hand.
_NO_WORDS = re.compile(r"^(\w+\[|import )|\{_|^opened with|\{verdict")
# What a system says of a file or a connection, which stands in the holes of our sentences.
_SYSTEMS = (
    "Broken pipe",
    "Connection refused",
    "Connection reset by peer",
    "Connection timed out",
    "Disk quota exceeded",
    "Exec format error",
    "File exists",
    "File name too long",
    "Input/output error",
    "Is a directory",
    "Name or service not known",
    "Network is unreachable",
    "No route to host",
    "No space left on device",
    "No such file or directory",
    "Not a directory",
    "Operation not permitted",
    "Permission denied",
    "Read-only file system",
    "Temporary failure in name resolution",
    "Text file busy",
    "Too many levels of symbolic links",
    "Too many open files",
    "timed out",
)
_UNHEARD = {"add_argument", "ArgumentParser", "error", "Warning"}


def far_sentences() -> list[str]:
    """Return what the programs of the far side may say, values as holes in braces, in order."""
    found: set[str] = set()
    for file in sorted(PAYLOAD.glob("*.py")):
        if file.name not in _OF_JOBS:
            found.update(_said(ast.parse(file.read_text(encoding="utf-8"))))
    ours = (one for one in found if _WORDS.search(one) and not _NO_WORDS.search(one))
    return sorted((*ours, *_SYSTEMS))


def _said(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assert) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ):
        return  # an assertion, a docstring
    if isinstance(node, ast.Tuple) and _both_languages(node):
        return
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in _UNHEARD:
            return
    if isinstance(node, ast.JoinedStr):
        yield "".join(map(_part, node.values))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from _said(child)


def _both_languages(node: ast.Tuple) -> bool:
    return any(re.search("[가-힣]", ast.unparse(one)) for one in node.elts)


def _part(node: ast.expr) -> str:
    return (
        f"{{{ast.unparse(node.value)}}}"
        if isinstance(node, ast.FormattedValue)
        else str(getattr(node, "value", ""))
    )


def click_messages() -> dict[str, str | tuple[str, str]]:
    """Return the texts of the click that is installed."""
    found: dict[str, str | tuple[str, str]] = {}
    here = Path(click.__file__).parent
    for name in _CLICK:
        with (here / name).open("rb") as stream:
            from babel.messages.extract import extract

            keywords = {"_": None, "ngettext": (1, 2)}
            for _, text, _, _ in extract("python", stream, keywords=keywords):
                key = text if isinstance(text, str) else text[0]
                if not _PROGRAMMERS.search(key):
                    found[key] = text
    return found


def _help() -> Iterator[str]:
    from colabdev.cli.main import cli
    from colabdev.cli.speech import message

    def walk(command: click.Command) -> Iterator[str]:
        texts = [command.help, command.epilog, command.short_help]
        texts += [one.help for one in command.params if isinstance(one, click.Option)]
        for text in filter(None, texts):
            for paragraph in text.split("\n\n"):
                if "\b" not in paragraph:
                    yield message(paragraph)
                else:
                    for line in map(str.strip, paragraph.split("\n")):
                        if line not in ("", "\b") and not line.startswith(
                            ("colabdev ", "cd ", "ssh ")
                        ):
                            yield line
        if isinstance(command, click.Group):
            context = click.Context(command)  # a group may load its commands when it is asked
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None, name
                yield from walk(inner)

    yield from walk(cli)


def fields(text: str) -> set[str]:
    """Return the names of the fields in *text*."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def load() -> Catalog:
    """Return the catalogue as it is."""
    with PO.open("rb") as stream:
        return read_po(stream, locale="ko")


def compiled(catalogue: Catalog) -> bytes:
    """Return *catalogue* as the machine reads it."""
    stream = io.BytesIO()
    write_mo(stream, catalogue)
    return stream.getvalue()


def update(translations: dict[str, str]) -> list[str]:
    """Write the catalogue anew with *translations* added; return what has none."""
    old = load() if PO.exists() else Catalog(locale="ko", domain="colabdev")
    known = {}
    for entry in old:
        if entry.id:
            key = entry.id if isinstance(entry.id, str) else entry.id[0]
            known[key] = entry.string if isinstance(entry.string, str) else entry.string[0]
    known.update(translations)
    new = Catalog(locale="ko", domain="colabdev", project="colabdev", charset="utf-8")
    missing = []
    wanted = {**click_messages(), **messages()}
    for key in sorted(wanted):
        text, said = wanted[key], known.get(key, "")
        if not said:
            missing.append(key)
        new.add(text, said if isinstance(text, str) else (said,))
    new.revision_date = new.creation_date = datetime(2026, 1, 1, tzinfo=UTC)
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as stream:
        write_po(stream, new, width=100, sort_output=True, omit_header=False)
    MO.write_bytes(compiled(load()))
    return missing + _update_far(translations)


def _update_far(translations: dict[str, str]) -> list[str]:
    """Write what the far side says anew, as `update` does."""
    known = {**json.loads(FAR.read_text(encoding="utf-8")), **translations}
    wanted = {key: known.get(key, "") for key in far_sentences()}
    text = json.dumps(wanted, ensure_ascii=False, indent=1)
    FAR.write_text(f"{text}\n", encoding="utf-8")
    return [key for key, said in wanted.items() if not said]


if __name__ == "__main__":
    lines = {}
    if len(sys.argv) > 1:  # a Python file with a dict of translations to take in
        lines = ast.literal_eval(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for one in update(lines):
        print(re.sub(r"\n", "\\\\n", one))
