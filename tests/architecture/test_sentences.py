"""Every sentence of ours goes through the catalogue."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2] / "colabdev"
# The far side's programs tell failures by kind, which the laptop words; a course is no source.
ELSEWHERE = {"payload", "data"}
# Two words in a row, or one that ends like a sentence.
PROSE = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}|^[A-Z][a-z]+[.:!?]$")
# What looks like words and is none: commands, SSH's configuration, SQL, programs, patterns.
NO_PROSE = re.compile(
    r"^\W*(colabdev|ssh|chmod|apt-get|pip|cd|git) |^[A-Z][a-z]+[A-Z]\w+ |^ProxyJump|"
    r"^\s*(SELECT|INSERT|UPDATE|CREATE|PRAGMA|WHERE|ORDER|DELETE) |"
    r"^\w+\[|^\(\( |\bimport \w|\(\?|\\|\.\+|[$][({]?\w"
)
SPEAKS = {"tr", "tr_n", "mark", "gettext", "say"}  # the course's *say* is given both languages
# An unsafe link is gone round without a word; the rest is for programs and programmers.
SILENT = {"compile", "search", "match", "AssertionError", "SSHException", "TimeoutError", "Unsafe"}
# Click's makers: their help is put into words when somebody asks for it.
CLICKS = {"option", "argument", "group", "command", "version_option"}
# Of these the plain texts are patterns for ssh's words, or keys; their sentences are called.
KEYED = {"Cause", "Complaint", "complaint", "CompletedProcess", "Step"}
# Texts that are not ours to translate, each with its reason, by the beginning of the text.
ALLOWED = {
    "commands/cell.py": (
        "ngrok: TCP",
        "Cloudflare: a",
        "threading.",
        "if sys.",
    ),  # cell
    "commands/demo.py": ("first steps",),  # a folder's name
    "commands/init.py": ("\n[tool.colabdev]", "# What colabdev"),  # files a user keeps
    "exercises/progress.py": ("Progress in a",),  # likewise
    "remote/sshconfig.py": ("# Written by",),  # likewise
    "cli/completion.py": ("(( $",),  # zsh's language
    "jobs/fetching.py": ("no size",),  # a ValueError that is worded anew
    "jobs/job.py": ("a metric row", " is of the wrong"),  # likewise
    "jobs/wire.py": ("no ", "nested"),  # likewise
    "jobs/listener.py": ("job events",),  # a thread's name
    "remote/link/server.py": ("this is no", "the visitor"),  # goes unheard: the link hangs up
    "remote/link/wire.py": ("a frame",),  # likewise
    "remote/program.py": (")\ndel",),  # Python
    "remote/ssh/transport.py": ("Unable to",),  # paramiko's own words
}


def _prose(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the texts below *node* that a user may read and no catalogue knows."""
    if isinstance(node, ast.Assert | ast.Compare) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ):
        return  # for programmers: an assertion, a docstring; or what somebody else said
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and PROSE.search(node.value):
            yield from () if NO_PROSE.search(node.value) else (node,)
        return
    inside: list[ast.AST] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in SILENT or (isinstance(node.func, ast.Attribute) and name in CLICKS):
            return
        if name in SPEAKS and len(node.args) > (name == "say"):
            inside = [keyword.value for keyword in node.keywords]
        elif name in KEYED:
            inside = [one for one in node.args if not isinstance(one, ast.Constant | ast.Tuple)]
    for child in inside:
        yield from _prose(child)


def _headings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the headings of tables that are one bare word, which prose would not show."""
    for node in ast.walk(tree):
        name = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name == "table" and len(node.args) > 1:
            given = node.args[1]
            for value in given.values if isinstance(given, ast.Dict) else ():
                bare = isinstance(value, ast.Constant) and str(value.value)
                if isinstance(value, ast.Constant) and bare and not bare.isupper():
                    yield value


def test_no_sentence_goes_round_the_catalogue() -> None:
    """What a user may read is the literal first argument of ``tr``, or is named here."""
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        place = file.relative_to(ROOT)
        if ELSEWHERE & set(place.parts):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        allowed = ALLOWED.get(place.as_posix(), ())
        found += [
            f"{place}:{one.lineno}: {one.value!r}"
            for one in (*_prose(tree), *_headings(tree))
            if not str(one.value).startswith(allowed or ("\0",))
        ]
    assert not found, "\n".join(found)
