"""The sentences of the cell, in the language of whoever pastes it."""

import ast
import json
from collections.abc import Iterator, Mapping

from colabdev import language


def in_language(source: str, lang: str) -> str:
    """Return the program *source* with its sentences in *lang*; nothing else of it changes.

    A sentence is a string with an entry in the cell's catalogue. English is what the source has.
    """
    known = catalogue(lang)
    lines = source.encode().split(b"\n")
    found = sorted(sentences(source), key=lambda each: (each[1].lineno, each[1].col_offset))
    for key, node in reversed(found):  # from the end, so that places stay right
        if key in known:
            row, start, end = node.lineno - 1, node.col_offset, node.end_col_offset
            said = _literal(known[key], isinstance(node, ast.JoinedStr))
            lines[row] = lines[row][:start] + said.encode() + lines[row][end:]
    return b"\n".join(lines).decode()


def catalogue(lang: str) -> Mapping[str, str]:
    """Return what stands in *lang* for each English sentence of the cell."""
    path = language.folder() / lang / "cell.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def sentences(source: str) -> Iterator[tuple[str, ast.Constant | ast.JoinedStr]]:
    """Yield each string of *source* that stands on one line, an f-string with its fields in braces.

    Docstrings are left out: they speak to whoever reads the program, as its names do.
    """
    tree = ast.parse(source)
    inside = set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(each) for each in ast.walk(node)} - {id(node)}
        elif isinstance(node, ast.Expr):
            inside.add(id(node.value))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr) or id(node) in inside:
            continue
        if node.lineno != node.end_lineno:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(map(_part, node.values)), node
        elif isinstance(node.value, str):
            yield node.value, node


def _part(node: ast.expr) -> str:
    if not isinstance(node, ast.FormattedValue):
        return str(node.value) if isinstance(node, ast.Constant) else ""
    how = "" if node.conversion < 0 else f"!{chr(node.conversion)}"
    spec = "" if node.format_spec is None else f":{ast.unparse(node.format_spec)[2:-1]}"
    return f"{{{ast.unparse(node.value)}{how}{spec}}}"


def _literal(text: str, fields: bool) -> str:
    escaped = text.replace("\n", "\\n").replace('"', '\\"')
    return f'{"f" if fields else ""}"{escaped}"'
