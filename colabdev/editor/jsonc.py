"""One entry put into JSON with comments, or taken out again; every other character stays.

The language is that of VS Code's settings (npm jsonc-parser): JSON, ``//`` and ``/* */`` comments,
trailing commas, an empty text. What is beyond that, even where VS Code reads on, is refused.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from colabdev.language import tr

_GAP = re.compile(r"(?:[ \t\r\n]|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null", re.ASCII)
_NEWLINE = re.compile(r"\r\n|\n|\r")
_USUAL_INDENT = "    "


class CannotEditError(Exception):
    """The text is not what we can change safely."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of an object: where its name begins, its value begins and ends in the text."""

    name: str
    start: int
    value: int
    end: int
    comma: int | None  # where the comma behind it stands


@dataclass(frozen=True, slots=True)
class _Object:
    """An object's braces, and what is between them."""

    start: int
    end: int  # where its closing brace stands
    members: tuple[_Member, ...]


def with_entry(text: str, path: Sequence[str], value: object) -> str:
    """Return *text* with *value* at *path*, the names of nested objects; twice equals once.

    Raises:
        CannotEditError: *text* is damaged, or something else than an object stands on the way.
    """
    top = _top(text)
    if top is None:
        gap = text if not text or text.endswith(("\n", "\r")) else text + _newline(text)
        return f"{gap}{_rendered(path, value, '', _newline(text))}{_newline(text)}"
    place, rest = top, list(path)
    while len(rest) > 1 and (member := _last(place, rest[0])) is not None:
        place = _object(text, member.value, ascii(rest[0]))
        rest.pop(0)
    member = _last(place, rest[0])
    if member is None:
        return _inserted(text, place, rest, value, _indent(text, top, place))
    if json.loads(_bare(text[member.value : member.end])) == value:
        return text
    if text[member.value] in "{[":
        raise CannotEditError(tr("{name!a} holds something else", name=rest[0]))
    return text[: member.value] + json.dumps(value) + text[member.end :]


def without_entry(text: str, path: Sequence[str], value: object) -> str:
    """Return *text* as it was before `with_entry`; another value at *path* stays.

    An object that is left empty goes as well, but for the outermost.

    Raises:
        CannotEditError: as `with_entry` does.
    """
    top = _top(text)
    chain: list[tuple[_Object, _Member]] = []
    place = top
    for number, name in enumerate(path):
        member = _last(place, name) if place is not None else None
        if place is None or member is None:
            return text
        chain.append((place, member))
        if number + 1 < len(path):
            place = _object(text, member.value, ascii(name))
    member = chain[-1][1]
    if text[member.value] in "{[" or json.loads(text[member.value : member.end]) != value:
        return text
    for depth in range(len(chain) - 1, 0, -1):
        if len(chain[depth][0].members) > 1 or _commented(text, chain[depth][0]):
            return _removed(text, *chain[depth])
    return _removed(text, *chain[0])


def snippet(path: Sequence[str], value: object) -> str:
    """Return the entry as a user would paste it into an object."""
    return _rendered(path, value, "", "\n")[1:-1].strip().replace(f"\n{_USUAL_INDENT}", "\n")


def _top(text: str) -> _Object | None:
    """Return the outermost object of *text*, None when it holds nothing but comments."""
    start = _after_gap(text, 0)
    if start == len(text):
        return None
    top = _object(text, start, tr("the outermost value"))
    if _after_gap(text, top.end + 1) != len(text):
        raise CannotEditError(tr("something stands behind its last brace"))
    return top


def _object(text: str, start: int, name: str) -> _Object:
    if text[start : start + 1] != "{":
        raise CannotEditError(tr("{name} is no object", name=name))
    members: list[_Member] = []
    at = _after_gap(text, start + 1)
    while text[at : at + 1] != "}":
        key = _STRING.match(text, at)
        colon = _after_gap(text, key.end()) if key else at
        if not key or text[colon : colon + 1] != ":":
            raise _damaged(text, at)
        value = _after_gap(text, colon + 1)
        end = _value_end(text, value)
        at = _after_gap(text, end)
        comma = at if text[at : at + 1] == "," else None
        members.append(_Member(json.loads(key[0]), key.start(), value, end, comma))
        if comma is not None:
            at = _after_gap(text, comma + 1)
        elif text[at : at + 1] != "}":
            raise _damaged(text, at)
    return _Object(start, at, tuple(members))


def _value_end(text: str, at: int) -> int:
    """Return where the value that begins at *at* ends, however deep it is."""
    closing: list[str] = []
    while True:
        # Here a value begins, or the brackets that are open end.
        if closing and text[at : at + 1] == closing[-1]:
            at += 1
            closing.pop()
        elif text[at : at + 1] == "[":
            closing.append("]")
            at = _after_gap(text, at + 1)
            continue
        elif text[at : at + 1] == "{":
            closing.append("}")
            at = _after_name(text, _after_gap(text, at + 1))
            continue
        else:
            word = _STRING.match(text, at) or _SCALAR.match(text, at)
            if not word:
                raise _damaged(text, at)
            at = word.end()
        if not closing:
            return at
        at = _after_gap(text, at)
        if text[at : at + 1] == ",":
            at = _after_gap(text, at + 1)
            if closing[-1] == "}":
                at = _after_name(text, at)
        elif text[at : at + 1] != closing[-1]:
            raise _damaged(text, at)


def _after_name(text: str, at: int) -> int:
    if text[at : at + 1] == "}":
        return at
    key = _STRING.match(text, at)
    colon = _after_gap(text, key.end()) if key else at
    if not key or text[colon : colon + 1] != ":":
        raise _damaged(text, at)
    value = _after_gap(text, colon + 1)
    if text[value : value + 1] == "}":
        raise _damaged(text, value)
    return value


def _after_gap(text: str, at: int) -> int:
    match = _GAP.match(text, at)
    assert match, "a gap may be empty"
    return match.end()


def _damaged(text: str, at: int) -> CannotEditError:
    line = len(_NEWLINE.findall(text, 0, at)) + 1
    return CannotEditError(tr("line {line} is no JSON that we understand", line=line))


def _last(place: _Object, name: str) -> _Member | None:
    """Return the member *name*; of several the last, which is the one that counts."""
    return next((member for member in reversed(place.members) if member.name == name), None)


def _bare(value: str) -> str:
    """Return the text of a *value* without comments, for one that is compared only."""
    return value if value[0] not in "{[" else "null"


def _inserted(
    text: str, place: _Object, path: Sequence[str], value: object, indents: tuple[str, str]
) -> str:
    """Return *text* with a member behind the last one of *place*, in the lines' own style."""
    inner, outer = indents
    last = place.members[-1] if place.members else None
    begin = place.start + 1 if last is None else (last.comma or last.end - 1) + 1
    trailing = last is not None and last.comma is not None
    before = text[begin : place.end]
    # Behind the comments that belong to what stands there already.
    at = begin + len(before.rstrip(" \t\r\n"))
    rest = text[at : place.end]
    lines = bool(_NEWLINE.search(text, place.start, place.end)) or (last is None and inner != "")
    newline = _newline(text)
    if lines:
        entry = newline + inner + _member(path, value, inner, newline)
        close = "" if _NEWLINE.search(rest) else newline + outer
    else:
        entry = (" " if last is not None else "") + _flat(path, value)
        close = ""
    entry += "," if trailing else ""
    comma = "," if last is not None and not trailing else ""
    return text[:begin] + comma + text[begin:at] + entry + close + text[at:]


def _removed(text: str, place: _Object, member: _Member) -> str:
    index = place.members.index(member)
    before = place.members[index - 1] if index else None
    start = len(text[: member.start].rstrip(" \t\r\n"))
    lines = _NEWLINE.search(text, start, member.start)
    if member.start > start and text[start - 1] not in "{," and lines is None:
        start = member.start  # a comment on the same line stays apart from what follows
    end = member.end if member.comma is None else member.comma + 1
    if member.comma is None and before is not None and before.comma is not None:
        return text[: before.comma] + text[before.comma + 1 : start] + text[end:]
    if before is None and member.comma is None and not text[end : place.end].strip():
        end = place.end if start == place.start + 1 else end
    return text[:start] + text[end:]


def _commented(text: str, place: _Object) -> bool:
    """Tell whether there are comments in *place* beside its one member, which we never wrote."""
    member = place.members[0]
    return bool(
        (text[place.start + 1 : member.start] + text[member.end : place.end]).strip(" \t\r\n,")
    )


def _member(path: Sequence[str], value: object, indent: str, newline: str) -> str:
    return f"{json.dumps(path[0])}: {_rendered(path[1:], value, indent, newline)}"


def _rendered(path: Sequence[str], value: object, indent: str, newline: str) -> str:
    if not path:
        return json.dumps(value)
    unit = "\t" if indent.endswith("\t") else (indent or _USUAL_INDENT)
    inner = indent + (unit if len(unit) <= 8 else _USUAL_INDENT)
    return f"{{{newline}{inner}{_member(path, value, inner, newline)}{newline}{indent}}}"


def _flat(path: Sequence[str], value: object) -> str:
    nested = value
    for name in reversed(path[1:]):
        nested = {name: nested}
    return f"{json.dumps(path[0])}: {json.dumps(nested)}"


def _indent(text: str, top: _Object, place: _Object) -> tuple[str, str]:
    """Return how the members of *place* are indented, and its closing brace."""
    outer = _line_indent(text, place.start)
    for member in place.members:
        before = text[place.start + 1 : member.start]
        lines = _NEWLINE.split(text[: member.start])
        if not lines[-1].strip() and _NEWLINE.search(before):
            return lines[-1], outer
    unit = _USUAL_INDENT
    if top.members and place is not top:
        unit = _line_indent(text, top.members[0].start) or _USUAL_INDENT
    return outer + unit, outer


def _line_indent(text: str, at: int) -> str:
    line = _NEWLINE.split(text[:at])[-1]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _newline(text: str) -> str:
    found = _NEWLINE.search(text)
    return found[0] if found else "\n"
