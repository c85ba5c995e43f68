"""`sync`: a project, a runtime and a reporter joined."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from colabdev.commands.reporter import Progress, Silent
from colabdev.commands.sync import named_globs, named_paths, remote_root, sync_project
from colabdev.errors import InputError, SyncConflict
from colabdev.remote.local import LocalTransport
from colabdev.remote.runtime import Runtime
from colabdev.sync.ignore import chooser
from colabdev.sync.options import Options


class Recorder(Silent):
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.progress: list[tuple[int, int | None]] = []
        self.warnings: list[tuple[str, str]] = []
        self.messages: list[str] = []

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[Progress]:
        self.steps.append(text)
        yield self

    def advance(self, done: int, total: int | None = None) -> None:
        self.progress.append((done, total))

    def done(self, text: str) -> None:
        self.messages.append(text)

    def warn(self, text: str, hint: str = "") -> None:
        self.warnings.append((text, hint))


@pytest.fixture
def project(folder: Path) -> Path:
    """Return a project with one file."""
    root = folder / "내 프로젝트"
    root.mkdir()
    (root / "train.py").write_text("print('hi')\n")
    return root


@pytest.fixture
def runtime(folder: Path) -> Runtime:
    """Return a runtime on this machine."""
    return Runtime("colab", None, "0" * 32, str(folder / "content"), "2026-01-01T00:00:00+00:00")


def test_a_project_arrives_below_the_workspace(project: Path, runtime: Runtime) -> None:
    """The project's folder there is named after it; progress is told in bytes."""
    reporter = Recorder()
    report = sync_project(project, runtime, LocalTransport(), reporter)
    there = Path(runtime.root) / "내 프로젝트"
    assert remote_root(project, runtime) == str(there)
    assert (there / "train.py").read_text() == "print('hi')\n"
    assert report.sent == ("train.py",)
    assert reporter.progress == [(12, 12)]
    assert reporter.steps == ["Syncing 내 프로젝트 with colab"]
    assert reporter.warnings == []
    assert report.summary() == "1 sent (12 B), 0 unchanged"
    again = sync_project(project, runtime, LocalTransport(), reporter)
    assert again.summary() == "nothing to do, 1 unchanged"


def test_a_conflict_ends_it_after_all_else(project: Path, runtime: Runtime) -> None:
    """A conflict is named in the error, with exit code 3 and a next step; the rest has arrived."""
    sync_project(project, runtime, LocalTransport(), Silent())
    there = Path(runtime.root) / "내 프로젝트"
    (there / "train.py").write_text("there")
    (project / "train.py").write_text("here, longer")
    (project / "new\x1b.py").write_text("new")
    reporter = Recorder()
    with pytest.raises(SyncConflict, match=r"both sides: train\.py\.") as conflict:
        sync_project(project, runtime, LocalTransport(), reporter)
    assert reporter.messages == ["All else is synced: 1 sent (3 B), 0 unchanged, 1 in conflict."]
    dry = sync_project(project, runtime, LocalTransport(), Silent(), options=Options(dry_run=True))
    assert [left.path for left in dry.conflicts] == ["train.py"]
    assert conflict.value.exit_code == 3
    assert conflict.value.hint
    assert (there / "train.py").read_text() == "there"
    assert (there / "new\x1b.py").read_text() == "new"


def test_what_is_left_alone_is_named(project: Path, runtime: Runtime) -> None:
    """Large files with their size, links that lead out; of a multitude the first and a count."""
    (project / "large\n.bin").write_bytes(bytes(2_500))
    for number in range(13):
        (project / f"out{number:02}").symlink_to("/etc")
    reporter = Recorder()
    report = sync_project(
        project, runtime, LocalTransport(), reporter, options=Options(limit=2_000)
    )
    texts = [text for text, _ in reporter.warnings]
    assert texts[0] == "large\\n.bin was left alone: it has 2.5 kB, more than 2.0 kB."
    assert texts[1].startswith("out00 was left alone: the link leads out")
    assert texts[-1] == "3 more were left alone for such reasons."
    assert len(texts) == 12
    assert [number for number, (_, hint) in enumerate(reporter.warnings) if hint] == [0, 1]
    assert report.summary() == "1 sent (12 B), 0 unchanged, 14 left alone"


def test_a_damaged_archive_is_said(project: Path, runtime: Runtime) -> None:
    """What was wrong with the archive reaches the user."""
    sync_project(project, runtime, LocalTransport(), Silent())
    archive = project / ".colabdev" / "sync" / f"{runtime.boot_id}.json"
    archive.write_text("{")
    reporter = Recorder()
    sync_project(project, runtime, LocalTransport(), reporter)
    assert "cannot be read" in reporter.warnings[0][0]
    assert reporter.warnings[0][1] == ""


def test_paths_become_patterns_that_name_them_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is typed beside a file means that file, whatever letters are in its name."""
    (project / "sub").mkdir()
    monkeypatch.chdir(project / "sub")
    names = ["x*y", "[a]", "#1", "!2", "한글 이름 ", "back\\slash", "../train.py"]
    chosen = chooser(named_paths(project, names))
    for path in (*(f"sub/{name}" for name in names[:-1]), "train.py"):
        assert chosen(path)
    for path in ("sub/xay", "sub/a", "x*y", "sub/train.py", "sub", "sub/한글 이름"):
        assert not chosen(path)
    for wrong in ("..", "../..", "/etc/passwd", "../../x", ".."):
        with pytest.raises(InputError) as refusal:
            named_paths(project, [wrong])
        assert refusal.value.hint


def test_globs_name_single_things() -> None:
    """A glob that means everything, or has a meaning of its own in .gitignore, is refused."""
    assert named_globs(["*.pt", "out/", "/a b"]) == ("*.pt", "out/", "/a b")
    for wrong in ("*", "**", "/", "**/*", "!x", "#x", "a\nb", "../x", " "):
        with pytest.raises(InputError) as refusal:
            named_globs([wrong])
        assert refusal.value.hint
