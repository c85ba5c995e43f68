"""What the far side and the system say, which is English, in the language of the user."""

import functools
import re
from collections.abc import Mapping

from colabdev import language

HOLE = re.compile(r"\{[^{}]*\}")  # where a sentence of the payload has a value
_LONGEST = 2000  # characters: to fit a long text into holes may take its length to the third


def translated(text: str, depth: int = 3) -> str:
    """Return *text* of a program of `colabdev.payload` in the user's language.

    Its sentences stand in the language's ``far.json`` with their holes, in which other sentences
    may stand. A text that none of them fits (an older program's, the system's own) stays as it is,
    and so does one that is longer than any of ours.
    """
    if len(text) > _LONGEST:
        return text
    known = _known(language.spoken())
    if text in known:
        return known[text]
    for pattern, holes, there in _patterns(language.spoken()):
        found = pattern.fullmatch(text)
        if found is not None:
            told = found.groups()
            inside = [translated(one, depth - 1) for one in told] if depth else told
            return _filled(there, dict(zip(holes, inside, strict=True)))
    return text


def _filled(there: str, values: Mapping[str, str]) -> str:
    return HOLE.sub(lambda hole: values[hole[0]], there)


@functools.cache
def _known(lang: str) -> Mapping[str, str]:
    import json  # only where something is put into words

    path = language.folder() / lang / "far.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


@functools.cache
def _patterns(lang: str) -> list[tuple["re.Pattern[str]", list[str], str]]:
    """Return an expression, its holes and what to say for each sentence, the most words first."""
    found = [(HOLE.split(key), HOLE.findall(key), there) for key, there in _known(lang).items()]
    found.sort(key=lambda one: -sum(map(len, one[0])))
    return [
        (re.compile("(.+?)".join(map(re.escape, parts)), re.DOTALL), holes, there)
        for parts, holes, there in found
        if holes
    ]
