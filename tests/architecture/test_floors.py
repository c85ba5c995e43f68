"""The shape of the package: who may import whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from colabdev import texts
from colabdev.remote.program import bare

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "colabdev"

FLOORS = {
    "payload": 0,
    "amounts": 1,
    "errors": 1,
    "far_words": 1,
    "language": 1,
    "paths": 1,
    "settings": 1,
    "store": 1,
    "texts": 1,
    "remote": 2,
    "editor": 2,
    "sync": 2,
    "jobs": 2,
    "results": 2,
    "exercises": 2,
    "commands": 3,
    "cli": 4,
    "__main__": 5,
}
SIDEWAYS = {
    ("sync", "remote"),
    ("jobs", "remote"),
    ("exercises", "jobs.job"),
    ("results", "jobs.job"),
}
# Foreign packages, and the only places that may import them. A trailing "()" allows it inside a
# function alone, where it costs nothing until it is used.
HOMES = {
    "paramiko": {"remote.ssh", "remote.link"},
    "rich": {"cli.live", "cli.tables"},
    "click": {"cli"},
    "pyngrok": {"payload.cell.ngrok()", "remote.tunnels()"},
    "colab_ssh": {"payload.cell.cloudflared()", "remote.tunnels()"},
    "torch": {"payload.toolkit()"},
}


def _modules() -> list[Path]:
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if "data" not in path.relative_to(PACKAGE).parts and "templates" not in path.parts
    ]


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each imported module (``from a import b`` as ``a.b``), and whether in a function."""

    def walk(node: ast.AST, inside: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: a relative import"
                yield from ((f"{child.module}.{alias.name}", inside) for alias in child.names)
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, inside or function)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), False)


def _floor_violation(source: str, target: str) -> str:
    here, there = source.split(".")[0], target.split(".")[0]
    if not here or here == there:
        return ""
    if here == "payload":
        return "payload imports nothing of the project"
    if there == "__version__":
        return ""
    if there not in FLOORS:
        return f"{there} stands on no floor"
    if FLOORS[there] > FLOORS[here]:
        return "imports upward"
    if FLOORS[there] == FLOORS[here] == 2:
        allowed = any(
            here == one and (target == other or target.startswith(f"{other}."))
            for one, other in SIDEWAYS
        )
        return "" if allowed else "imports sideways"
    return ""


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_imports_go_down(path: Path) -> None:
    """A module imports from its own package or a lower floor, sideways only where it is listed."""
    source = _name(path)
    for target, _ in _imports(path):
        if target.split(".")[0] == "colabdev":
            inner = target.removeprefix("colabdev.")
            assert not _floor_violation(source, inner), f"{source} -> {inner}"


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_foreign_packages_stay_at_home(path: Path) -> None:
    """paramiko, rich, click, pyngrok and torch appear only where the design puts them."""
    source = _name(path)
    for target, inside in _imports(path):
        homes = HOMES.get(target.split(".")[0])
        if homes is None:
            continue
        at_home = any(
            source == home or source.startswith(f"{home}.") or (inside and f"{source}()" == home)
            for home in homes
        )
        assert at_home, f"{source} imports {target}"


PAYLOAD = sorted(path.stem for path in (PACKAGE / "payload").glob("[!_]*.py"))


@pytest.mark.parametrize("name", PAYLOAD)
def test_the_payload_is_pure(name: str, tmp_path: Path) -> None:
    """A program compiles as it is sent, as Python 3.10, and needs only the standard library."""
    shipped = tmp_path / f"{name}.py"
    shipped.write_text(texts.payload(name), encoding="utf-8")
    ast.parse(shipped.read_text(encoding="utf-8"), feature_version=(3, 10))
    own_homes = {"pyngrok", "colab_ssh", "torch", "google", "IPython", "colabdev_report"}
    for target, inside in _imports(shipped):
        top = target.split(".")[0]
        known = top in sys.stdlib_module_names or (inside and top in own_homes)
        assert known, f"{name} imports {target}"


@pytest.mark.parametrize("name", PAYLOAD)
def test_the_parts_of_a_program_do_not_clash(name: str) -> None:
    """Parts that travel as one text define each of their names once."""
    defined = [
        node.name
        for node in ast.parse(texts.payload(name)).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    assert len(defined) == len(set(defined))


@pytest.mark.parametrize("name", PAYLOAD)
def test_a_bare_program_is_the_same_program(name: str) -> None:
    """What is taken out of a program on its way is docstrings and comments, and nothing else."""

    def code(source: str) -> str:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                node.body = [part for part in node.body if not _says_nothing(part)] or [ast.Pass()]
        return ast.dump(tree)

    assert code(bare(texts.payload(name))) == code(texts.payload(name))


def _says_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_every_module_says_in_one_sentence_what_it_owns() -> None:
    """Each module opens with a docstring whose first paragraph is one line."""
    for path in _modules():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert docstring, f"{path} has no docstring"
        first = docstring.split("\n\n")[0]
        assert len(first.splitlines()) <= 2, f"{path}: {first}"


def test_help_stays_light() -> None:
    """``colabdev --help`` loads none of the heavy packages."""
    code = (
        "import sys\n"
        "from colabdev.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(' '.join(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    heavy = {"paramiko", "rich", "torch", "pyngrok", "asyncio", "sqlite3", "pathspec", "tomlkit"}
    assert not loaded & heavy
    assert "Usage: colabdev" in done.stdout


def test_a_run_over_a_link_stays_light() -> None:
    """What a warm ``colabdev run`` loads has none of what it does without."""
    code = (
        "import sys\n"
        "import colabdev.cli.main, colabdev.commands.run\n"
        "from colabdev.remote.link.client import LinkTransport\n"
        "print(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"paramiko", "rich", "asyncio", "subprocess", "tempfile", "logging", "platformdirs"}
    heavy |= {"filelock", "random", "secrets", "difflib", "concurrent", "ssl", "tomlkit"}
    assert not {name.split(".")[0] for name in done.stdout.split()} & heavy


def test_nothing_speaks_of_the_place_it_was_written_in() -> None:
    """No file of the project names the folder that its checkout lies in."""
    here = f"{ROOT}/".encode()
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    for name in filter(None, files):
        path = ROOT / name
        assert not (path.is_file() and here in path.read_bytes()), name
