"""One entry in JSON with comments, judged by the parser that VS Code reads its settings with."""

import re
from collections.abc import Iterator
from typing import Any  # hypothesis' draw gives what its strategy makes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from colabdev.editor.jsonc import CannotEditError, snippet, with_entry, without_entry
from tests.support.node import Node, node

PATH = ("remote.SSH.remotePlatform", "colab")
VALUE = "linux"

GAPS = st.lists(
    st.sampled_from(
        [" ", "\t", "\n", "\r\n", "\n    ", '// a {"b": [\n', "/* c\n, } */", "/**/", "// 김\r\n"]
    ),
    max_size=3,
).map("".join)
NAMES = st.one_of(
    st.sampled_from(["remote.SSH.remotePlatform", "colab", "a", "editor.fontSize", "[python]"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5).filter(
        lambda name: name != "__proto__"  # JavaScript gives this name a meaning of its own
    ),
)


@st.composite
def strings(draw: st.DrawFn) -> str:
    """Write a string with escapes where JSON allows them."""
    text = draw(NAMES)
    escaped = draw(st.booleans())
    out = ""
    for char in text:
        if char in '"\\' or char < " ":
            out += f"\\u{ord(char):04x}"
        elif escaped and ord(char) < 0x10000:
            out += f"\\u{ord(char):04X}"
        else:
            out += char
    return f'"{out}"'


SCALARS = st.one_of(
    strings(), st.sampled_from(["true", "false", "null", "0", "-1.5e+3", "12", "1e999"])
)


def _joined(draw: Any, items: list[str], brackets: str) -> str:
    comma = "," if items and draw(st.booleans()) else ""
    inside = ",".join(f"{draw(GAPS)}{item}{draw(GAPS)}" for item in items)
    return f"{brackets[0]}{inside}{comma}{draw(GAPS)}{brackets[1]}"


@st.composite
def arrays(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    """Write an array with comments anywhere and perhaps a comma too many."""
    return _joined(draw, draw(st.lists(inner, max_size=3)), "[]")


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    """Write an object likewise; names may come twice."""
    names = draw(st.lists(strings(), max_size=4))
    items = [f"{name}{draw(GAPS)}:{draw(GAPS)}{draw(inner)}" for name in names]
    return _joined(draw, items, "{}")


VALUES: st.SearchStrategy[str] = st.recursive(
    SCALARS, lambda inner: st.one_of(arrays(inner), objects(inner)), max_leaves=6
)
FILES = st.one_of(GAPS, st.builds(lambda a, body, b: a + body + b, GAPS, objects(VALUES), GAPS))


@pytest.fixture(scope="module")
def parse() -> Iterator[Node]:
    """Lend VS Code's parser: the value as its own JSON, and how many errors there are."""
    with node(
        "import {parse} from 'jsonc-parser';",
        "(text) => { const errors = [];"
        " const value = parse(text, errors, {allowTrailingComma: true, allowEmptyContent: true});"
        " return {value: value ?? {}, errors: errors.length}; }",
    ) as function:
        yield function


def _is_subsequence(needle: str, haystack: str) -> bool:
    rest = iter(haystack)
    return all(char in rest for char in needle)


@given(FILES)
@example("")
@example("// nothing yet")
@example("{}")
@example('{"a": 1}')
@example('{\n  "a": 1, // one\n}\n')
@example('{\r\n\t"a": 1 // one\r\n}\r\n')
@example('{"remote.SSH.remotePlatform": {"other": "linux",}, "z": 1}')
@example('{"remote.SSH.remotePlatform": {}, "remote.SSH.remotePlatform": {"colab": "windows"}}')
@example('{"remote\\u002eSSH.remotePlatform": {"colab": "linux"}}')
@example('{"a":' + "[" * 500 + "]" * 500 + "}")
def test_vs_code_reads_the_old_settings_and_ours(parse: Node, text: str) -> None:
    """After the edit the value is the old one with our entry; nothing that stood there is lost."""
    before = parse(text)
    assert before["errors"] == 0, "the strategy writes what VS Code takes"
    wanted = before["value"]
    platforms = wanted.get(PATH[0], {})
    if not isinstance(platforms, dict) or isinstance(platforms.get(PATH[1]), dict | list):
        with pytest.raises(CannotEditError):
            with_entry(text, PATH, VALUE)
        return
    new = with_entry(text, PATH, VALUE)
    after = parse(new)
    assert after["errors"] == 0
    wanted[PATH[0]] = {**platforms, PATH[1]: VALUE}
    assert after["value"] == wanted
    assert with_entry(new, PATH, VALUE) == new
    if PATH[1] not in platforms:
        assert _is_subsequence(text, new)
        added = len(new) - len(text)
        assert added <= 200, "only ours came"


@given(FILES)
@example("{}")
@example('{"a": 1}')
@example('{"a": 1,}')
@example('{\n  "a": 1 // one\n}\n')
@example('{\n  "a": 1, // one\n  // two\n}\n')
@example('{\n  "remote.SSH.remotePlatform": {\n    "b": "linux"\n  }\n}')
def test_taken_out_again(parse: Node, text: str) -> None:
    """What was put in goes without a trace; a text that had no object keeps an empty one."""
    before = parse(text)["value"]
    platforms = before.get(PATH[0], {})
    if not isinstance(platforms, dict) or PATH[1] in platforms:
        return
    back = without_entry(with_entry(text, PATH, VALUE), PATH, VALUE)
    after = parse(back)
    assert after["errors"] == 0
    if PATH[0] in before and not platforms and PATH[0] not in after["value"]:
        before.pop(PATH[0])  # an object left empty goes as well
    assert after["value"] == before
    assert without_entry(back, PATH, VALUE) == back
    for comment in re.findall(r"// a|/\* c|/\*\*/|// 김", text):
        assert text.count(comment) == back.count(comment)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"a": 1,}',
        '{\n  "a": 1\n}\n',
        '{\n  "a": 1,\n}\n',
        '{\r\n\t"a": 1, // one\r\n\t// two\r\n}\r\n',
        '{\n  "remote.SSH.remotePlatform": {\n    "b": "linux"\n  },\n  "z": 2\n}',
        '{"remote.SSH.remotePlatform": {"b": "linux"}}',
        "{}",
        "{\n}",
    ],
)
def test_in_and_out_byte_for_byte(text: str) -> None:
    """In the shapes that people have, the text comes back as it was, or as an empty object."""
    back = without_entry(with_entry(text, PATH, VALUE), PATH, VALUE)
    assert back == text or (text == "{\n}" and back == "{}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '{\n    "remote.SSH.remotePlatform": {\n        "colab": "linux"\n    }\n}\n'),
        (
            '{\n  "a": 1 // one\n}\n',
            '{\n  "a": 1, // one\n  "remote.SSH.remotePlatform": {\n    "colab": "linux"\n  }\n}\n',
        ),
        (
            '{\r\n\t"a": 1,\r\n}\r\n',
            '{\r\n\t"a": 1,\r\n\t"remote.SSH.remotePlatform": {\r\n\t\t"colab": "linux"'
            "\r\n\t},\r\n}\r\n",
        ),
        ('{"a": 1}', '{"a": 1, "remote.SSH.remotePlatform": {"colab": "linux"}}'),
        (
            '{\n  "remote.SSH.remotePlatform": {\n    "b": "linux"\n  }\n}',
            '{\n  "remote.SSH.remotePlatform": {\n    "b": "linux",\n    "colab": "linux"\n  }\n}',
        ),
    ],
)
def test_the_edit_takes_up_the_style(text: str, expected: str) -> None:
    """Indentation, line ends and the habit of a trailing comma are those of the file."""
    assert with_entry(text, PATH, VALUE) == expected


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "nonsense",
        '{"a": 1',
        '{"a" 1}',
        '{"a": 1 "b": 2}',
        "{,}",
        '{"a": 01}',
        "{'a': 1}",
        '{"a": tru}',
        '{"a": 1} {}',
        '{"a": "\n"}',
        '{"a": "\\x41"}',
        "{} /* open",
        '{"a": [1,,2]}',
        '{"a": [}',
        '{"a": {"b": }}',
        '{"remote.SSH.remotePlatform": null}',
        '{"remote.SSH.remotePlatform": "linux"}',
        '{"remote.SSH.remotePlatform": {"colab": {}}}',
        "\u00a0{}",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    """A file that is damaged, or means something else by our names, is not touched."""
    with pytest.raises(CannotEditError):
        with_entry(text, PATH, VALUE)


@given(st.text(alphabet='{}[]",:/*\\ \n1ab', max_size=30))
def test_what_we_take_vs_code_takes(parse: Node, text: str) -> None:
    """We never edit a text that VS Code's parser finds an error in."""
    try:
        new = with_entry(text, PATH, VALUE)
    except CannotEditError:
        return
    assert parse(text)["errors"] == 0
    assert parse(new)["errors"] == 0


def test_the_snippet_stands_on_its_own() -> None:
    """What is printed for pasting is the entry with its name, without the file's braces."""
    assert snippet(PATH, VALUE) == '"remote.SSH.remotePlatform": {\n    "colab": "linux"\n}'
