"""Ignore rules: git's own answer, at every level."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from colabdev.payload.replica import Rules, scan
from colabdev.sync.ignore import Ignored, ProjectRules, runs

NAMES = ("a", "b", "ab", "b.py", "a.log", "build", "한글", "x y", "#c", "!d", "[e]", "f\\g", "h\ni")
TOKENS = (
    *("a", "b", "py", "log", "build", "한글", "\\", "\\ ", " ", "!", "#", ".", "/", "/", "/"),
    *("*", "*", "**", "**/", "/**", "/**/", "***", "?", "??", "[ab]", "[!a]", "[^b]", "[a-b]"),
    *("[b-a]", "[]a]", "[a", "[[:alpha:]]", "[[:nope:]]", "[[:alpha]", "[a\\-z]", "[*-b]", "[!-b]"),
)
TREES = (
    *NAMES,
    *(f"{one}/{two}" for one in ("a", "b", "build", "한글") for two in NAMES),
    *(f"a/{one}/{two}" for one in ("a", "b", "x y") for two in ("a", "b.py", "a.log", "build")),
)
lines = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=5).map("".join)
ignore_files = st.lists(lines, min_size=1, max_size=6).map("\n".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a git repository that holds every path of TREES, the first of each name as a file."""
    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", root], check=True)
    for path in sorted(TREES, key=lambda path: -path.count("/")):
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.touch()
    (root / "empty" / "build").mkdir(parents=True)
    (root / "b" / "link").symlink_to("a")
    (root / "build" / "link").symlink_to("../a")
    return root


def ignored_by_git(root: Path) -> set[str]:
    """Return every path below *root* that git ignores."""
    everything = {os.fsdecode(path) for path in _walk(os.fsencode(root))}
    done = subprocess.run(
        ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "-z", "--no-index", "--stdin"],
        cwd=root,
        input=b"".join(os.fsencode(path) + b"\0" for path in sorted(everything)),
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return {os.fsdecode(path) for path in done.stdout.split(b"\0") if path}


def ignored_by_us(root: Path) -> set[str]:
    """Return every path below *root* that a scan leaves out."""
    rules = ProjectRules(root)
    listed = {row[0] for row in scan(str(root), rules, [])}
    # The far side comes to the same answer from what travels to it.
    assert listed == {row[0] for row in scan(str(root), Rules(rules.levels), [])}
    return {os.fsdecode(path) for path in _walk(os.fsencode(root))} - listed


def _files(root: Path) -> list[str]:
    """Return every file below *root*."""
    paths = map(os.fsdecode, _walk(os.fsencode(root)))
    return sorted(
        path for path in paths if not (root / path).is_dir() or (root / path).is_symlink()
    )


def _walk(root: bytes) -> Iterator[bytes]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != b".git"]
        for name in (*folders, *files):
            yield os.path.relpath(folder + b"/" + name, root)


@settings(
    max_examples=2000 if os.environ.get("COLABDEV_TEST_FULL") else 300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    texts=st.dictionaries(
        st.sampled_from(["", "a", "b", "a/b"]), ignore_files, min_size=1, max_size=3
    )
)
@example({"": "*\n!*/\n!*.py"})
@example({"": "/*\n!/a/\n/a/*\n!/a/b.py"})
@example({"": "build\n!build/", "a": "!build"})
@example({"": "a/**/b.py\n**/한*\n?\n"})
@example({"": "x\\ y\na.log   \nh?i\n"})
@example({"": "a\r\nb.py\r\n"})
@example({"": "\ufeffa\n"})
@example({"": "a/a**/b\na/b**\n"})
def test_a_scan_leaves_out_what_git_ignores(repository: Path, texts: dict[str, str]) -> None:
    """For generated .gitignore files at several levels, scan and `git check-ignore` agree."""
    for folder in ("", "a", "b", "a/b"):
        file = repository / folder / ".gitignore"
        if folder in texts:
            file.write_bytes(texts[folder].encode())
        else:
            file.unlink(missing_ok=True)
    ours = ignored_by_us(repository)
    assert ours == ignored_by_git(repository)
    ignored = Ignored(repository)  # asked for one file after the other, in any order
    files = _files(repository)
    assert {path for path in reversed(files) if ignored(path)} == ours & set(files)


def test_rules_are_read_once_for_all_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many were saved: a package manager writes tens of thousands below one folder."""
    entered: list[str] = []
    enter = ProjectRules.enter

    def noted(self: ProjectRules, name: str) -> None:
        entered.append(name)
        enter(self, name)

    monkeypatch.setattr(ProjectRules, "enter", noted)
    (folder / ".gitignore").write_text("*.log\n")
    ignored = Ignored(folder)
    assert all(ignored(f".venv/lib/{number}.py") for number in range(1000))
    assert [ignored(f"a/b/{name}") for name in ("x.py", "x.log") * 1000] == [False, True] * 1000
    assert not ignored("x/" * 1500 + "y")
    assert entered[:3] == ["", "a", "a/b"]
    assert len(entered) == 3 + 1500


def test_defaults_can_be_taken_back_but_git_is_never_synced(folder: Path) -> None:
    """A rule of the project's own wins over a default; git's folder and ours stay out always."""
    for path in ("venv/x", "node_modules/x", ".git/x", ".colabdev/x", "sub/.git", "src/venv/x"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    (folder / ".gitignore").write_text("!node_modules/\n")
    (folder / ".colabdevignore").write_text("!/venv/\n!.git\n!.git/\n!.colabdev/\n")
    listed = {row[0] for row in scan(str(folder), ProjectRules(folder), [])}
    files = {path for path in listed if (folder / path).is_file()}
    assert files == {".gitignore", ".colabdevignore", "venv/x", "node_modules/x"}


def test_letters_match_in_either_case_where_git_says_so() -> None:
    """Where the file system does not tell cases apart, patterns do not either."""
    levels = [["", "", runs(b"Build/\n*.PT\n", fold)] for fold in (False, True)]
    exact, folded = (Rules([level]) for level in levels)
    assert not exact.ignores("build", is_folder=True)
    assert folded.ignores("build", is_folder=True)
    assert not exact.ignores("a.pt", is_folder=False)
    assert folded.ignores("a.pt", is_folder=False)


def test_rules_behind_a_link_are_not_read(folder: Path) -> None:
    """As with git, a .gitignore that is a link says nothing."""
    (folder / "rules").write_text("*\n")
    (folder / ".gitignore").symlink_to("rules")
    listed = {row[0] for row in scan(str(folder), ProjectRules(folder), [])}
    assert listed == {"rules", ".gitignore"}
