"""The cell and the notebook as text."""

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Any  # the choices of a cell

import nbformat
import pytest

from colabdev import texts
from colabdev.commands.cell import (
    ROADS,
    TUNNELS,
    render_cell,
    render_notebook,
    template_notebook,
    write_notebook,
)
from colabdev.commands.cell_words import catalogue, sentences
from colabdev.errors import ConfigError, InputError
from colabdev.language import LANGUAGES
from colabdev.remote.destination import Relay
from colabdev.remote.sshkey import ensure_key

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1TVPrwCgvaiAdlQ8mJv5VwuqVzBtQnZRZ2mRqXbJm1 colabdev"


def code_lines(cell: str) -> int:
    """Return how many lines of *cell* hold code: no blank one, no comment, no docstring."""
    told = set()
    for node in ast.walk(ast.parse(cell)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            told |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(cell).readline):
        if token.type != tokenize.COMMENT and token.string.strip():
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - told)


def settings(cell: str) -> dict[str, object]:
    """Return the plain assignments at the top of *cell*."""
    found: dict[str, object] = {}
    for node in ast.parse(cell).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.List):
            (target,) = node.targets
            found[ast.unparse(target)] = ast.literal_eval(node.value)
    return found


def test_the_cell_carries_what_it_was_given() -> None:
    """Each choice is an assignment that Colab shows as a form field; the key is there as it is."""
    cell = render_cell(KEY, tunnel="none", name="gpu-2", root="/content/한 글", keep_open=True)
    chosen = settings(cell)
    assert chosen["NAME"] == "gpu-2"
    assert chosen["WORKSPACE_ROOT"] == "/content/한 글"
    assert chosen["KEEP_OPEN"] is True
    assert chosen["PUBLIC_KEYS"] == [KEY]
    assert len(re.findall(r"^\w+ = .*# @param", cell, re.MULTILINE)) == 3


def test_the_cell_is_plain_python_that_stands_alone() -> None:
    """It compiles as Python 3.10, imports nothing of ours, and hides nothing in a blob."""
    cell = render_cell(KEY)
    tree = ast.parse(cell, feature_version=(3, 10))
    modules = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in modules if name.startswith("colabdev")]
    assert "base64" not in cell
    assert max(map(len, cell.replace(KEY, "").splitlines())) <= 100


def test_only_the_chosen_tunnel_is_in_the_cell() -> None:
    """A cell without ngrok has none of its code, and only ngrok's asks for an address."""
    ngrok, none = (
        render_cell(KEY, address="1.tcp.eu.ngrok.io:20001"),
        render_cell(KEY, tunnel="none"),
    )
    assert settings(ngrok)["ADDRESS"] == "1.tcp.eu.ngrok.io:20001"
    assert "pyngrok" in ngrok
    assert "pyngrok" not in none
    assert "ADDRESS" not in settings(none)


def test_further_keys_stand_beside_the_first() -> None:
    """Each laptop's key is an entry of the list that sshd gets."""
    other = KEY.replace("colabdev", "other")
    assert settings(render_cell(KEY, more_keys=[other]))["PUBLIC_KEYS"] == [KEY, other]


def test_equal_choices_give_equal_text() -> None:
    """Rendering is deterministic, and the notebook around it is too."""
    assert render_cell(KEY) == render_cell(KEY)
    assert render_notebook(render_cell(KEY)) == render_notebook(render_cell(KEY))


@pytest.mark.parametrize("tunnel", TUNNELS)
def test_a_korean_cell_is_the_same_program_in_korean(tunnel: str) -> None:
    """Title, form and every sentence are Korean and none is English; the code is the same."""
    place = Relay("me", "relay.example.org", 22, KEY.removesuffix(" colabdev"))
    relay = place if tunnel == "relay" else None
    idle = 0 if tunnel == "none" else 30
    both = [
        render_cell(KEY, tunnel=tunnel, relay=relay, release_when_idle=idle, lang=lang)
        for lang in ("en", "ko")
    ]
    english, korean = both
    known = catalogue("ko")
    ast.parse(korean, feature_version=(3, 10))
    assert max(map(len, korean.replace(KEY.split()[1], "").splitlines())) <= 100
    assert code_lines(korean) == code_lines(english)
    # Whatever is told to a user has words, and ends as a sentence does.
    told = [
        text
        for text, _ in sentences(english)
        if re.fullmatch(r"(?s).*[a-z]{2}.* .*([.?]\s*|:\s+)", re.sub(r"\{.*?\}", "", text))
    ]
    assert len(told) > 20
    assert not [text for text in told if text not in known]
    assert not [text for text in known if any(text == left for left, _ in sentences(korean))]
    head = korean.partition("\nimport ")[0]
    for line in head.splitlines():
        if line.startswith("#"):
            assert re.search("[가-힣]", line), line


def test_the_korean_catalogue_of_the_cell_fits_it() -> None:
    """Each entry is of a sentence that there is, and has the same fields."""
    pieces = (Path(texts.__file__).parent / "payload" / "cell").glob("*.py")
    there = {text for piece in pieces for text, _ in sentences(piece.read_text(encoding="utf-8"))}
    there |= {note for road in ROADS.values() if (note := road.note)}

    def fields(text: str) -> list[str]:
        return sorted(re.findall(r"\{.*?\}", text))

    for english, korean in catalogue("ko").items():
        assert english in there
        assert fields(english) == fields(korean), english
        assert english.count("\n") == korean.count("\n"), english


def test_a_korean_notebook_is_korean_all_through() -> None:
    """What stands around the cell is, too."""
    cells = json.loads(render_notebook(render_cell(KEY, lang="ko"), "ko"))["cells"]
    for cell in cells:
        assert re.search("[가-힣]", "".join(cell["source"]))
        if cell["cell_type"] == "code":
            ast.parse("".join(cell["source"]))


def test_the_cell_holds_the_public_half_only(home: Path) -> None:
    """The laptop's private key is nowhere in it."""
    public = ensure_key()
    private = (home / "state" / "ssh" / "id_ed25519").read_text()
    cell = render_cell(public)
    assert public in cell
    assert not [line for line in private.splitlines() if line in cell]


def test_terms_stand_at_the_top() -> None:
    """What Colab and ngrok ask for is said before the first line that does anything."""
    top = render_cell(KEY).partition("\nimport ")[0]
    assert "compute units" in top
    assert "payment card" in top


@pytest.mark.parametrize(
    ("key", "choices"),
    [
        (KEY, {"tunnel": "telepathy"}),
        (KEY, {"name": "two words"}),
        (KEY, {"name": 'a"; import os'}),
        (KEY, {"name": "here"}),
        (KEY, {"root": "content"}),
        (KEY, {"address": "tcp://1.tcp.ngrok.io:1"}),
        (KEY, {"address": "1.tcp.ngrok.io:20001", "tunnel": "none"}),
        (KEY, {"root": "/a\nimport os"}),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", {}),
        (KEY + "\nssh-ed25519 AAAA other", {}),
        ("", {}),
    ],
)
def test_a_bad_choice_is_refused(key: str, choices: dict[str, str]) -> None:
    """Nothing that would change the cell's code, or cannot work, gets into it."""
    with pytest.raises(InputError) as caught:
        render_cell(key, **choices)  # type: ignore[arg-type]  # every choice here is a text
    assert caught.value.hint


def test_quotes_in_the_root_stay_a_text() -> None:
    """A root may hold what Python's literals end with."""
    root = "/content/\"a\" \\ 'b' {x}"
    assert settings(render_cell(KEY, root=root))["WORKSPACE_ROOT"] == root


def test_the_notebook_is_one_that_jupyter_takes(folder: Path) -> None:
    """It is valid, holds the cell as it is, asks for a GPU, and says what the badge cannot do."""
    cell = render_cell(KEY)
    write_notebook(folder / "colab.ipynb", cell)
    notebook = nbformat.read(folder / "colab.ipynb", as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    nbformat.validate(notebook)
    about, gpu, last, exercise = notebook.cells
    assert "colab-badge.svg" in about.source
    assert "Upload notebook" in about.source
    assert "compute" in about.source
    ast.parse(gpu.source)
    ast.parse(exercise.source)
    assert last.source == cell.rstrip("\n")
    raw = json.loads((folder / "colab.ipynb").read_text())
    assert raw["metadata"]["accelerator"] == "GPU"
    assert len({each["id"] for each in raw["cells"]}) == 4


def test_the_notebook_that_ships_is_the_one_of_this_cell() -> None:
    """templates/notebook.ipynb is in step (scripts/notebook writes it), and valid for Jupyter."""
    text = texts.template("notebook.ipynb")
    assert text == template_notebook(), "run scripts/notebook"
    notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    nbformat.validate(notebook)
    cell = notebook.cells[2].source
    fields = re.findall(r"^(\w+) = .*# @param", cell, re.MULTILINE)
    assert fields == ["NAME", "WORKSPACE_ROOT", "KEEP_OPEN", "ADDRESS", "PUBLIC_KEY"]
    assert cell.startswith("# @title")
    assert "ssh-ed25519 A" not in cell


def test_a_notebook_that_cannot_be_written_is_told(folder: Path) -> None:
    """A folder that is not there is an error with its path."""
    with pytest.raises(ConfigError, match=r"none/colab\.ipynb"):
        write_notebook(folder / "none" / "colab.ipynb", render_cell(KEY))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("tunnel", TUNNELS)
def test_each_tunnels_cell_can_be_read_in_five_minutes(tunnel: str, lang: str) -> None:
    """It has fewer than 400 lines in all, with all that one may choose but the end of an idle VM.

    What gives an idle VM back is a piece of its own, which only a cell has that was asked for it.
    """
    place = Relay("me", "relay.example.org", 22, KEY.removesuffix(" colabdev"))
    choices: dict[str, Any] = {
        "tunnel": tunnel,
        "lang": lang,
        "more_keys": [KEY.replace("colabdev", name) for name in ("second", "third")],
        "keep_open": True,
        "address": "1.tcp.eu.ngrok.io:20001" if tunnel == "ngrok" else "",
        "relay": place if tunnel == "relay" else None,
    }
    plain = render_cell(KEY, **choices)
    assert len(plain.splitlines()) < 400
    if tunnel != "none":
        idle = render_cell(KEY, **choices, release_when_idle=30)
        assert len(idle.splitlines()) - len(plain.splitlines()) < 30


@pytest.mark.parametrize("tunnel", TUNNELS)
def test_each_tunnels_cell_is_plain_whole_and_always_the_same(tunnel: str) -> None:
    """Every name it uses it has: no line is wide, nothing is packed, no other tunnel is in it."""
    place = Relay("me", "relay.example.org", 22, KEY.removesuffix(" colabdev"))
    relay = place if tunnel == "relay" else None
    cell = render_cell(KEY, tunnel=tunnel, relay=relay)
    assert cell == render_cell(KEY, tunnel=tunnel, relay=relay)
    ast.parse(cell, feature_version=(3, 10))
    assert max(map(len, cell.replace(KEY.split()[1], "").splitlines())) <= 100
    assert "base64" not in cell
    assert not re.search(r"\b(eval|exec)\(", cell)
    assert "from colabdev" not in cell
    assert "noqa" not in cell
    words = ["--isolated", "--select", "F", "--no-cache", "-"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *words],
        input=cell,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    marks = {"ngrok": "pyngrok", "cloudflared": "colab_ssh", "relay": "permitlisten"}
    assert {name for name, mark in marks.items() if mark in cell} == {tunnel} - {"none"}
