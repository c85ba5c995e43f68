"""A job's results are on the laptop while it runs, whole, and never over somebody's work."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from colabdev.commands.connect import connect
from colabdev.commands.jobs import attach
from colabdev.commands.reporter import Silent
from colabdev.commands.run import RunOptions, run_target
from colabdev.commands.sync import sync_project
from colabdev.commands.target import command_target, script_target, wanted_results
from colabdev.errors import ConfigError, InputError, SyncConflict
from colabdev.jobs.job import Artifact, Event, Exited
from colabdev.remote import usage
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry
from colabdev.results.store import Results
from tests.remote.relay import relay_to
from tests.support import actions
from tests.support.far import far_side
from tests.support.link import end_link
from tests.support.runtime import StartedRuntime


@dataclass
class Hearing(Silent):
    """A reporter that keeps what it hears, and lets the test act on each event."""

    act: Callable[[Event], None] | None = None
    events: list[Event] = field(default_factory=list)
    warned: list[tuple[str, str]] = field(default_factory=list)

    def event(self, event: Event) -> None:
        self.events.append(event)
        if self.act:
            self.act(event)

    def warn(self, text: str, hint: str = "") -> None:
        self.warned.append((text, hint))

    @property
    def artifacts(self) -> list[str]:
        return [event.path for event in self.events if isinstance(event, Artifact)]


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a project whose results git does not see, and end what still runs afterwards."""
    folder = home / "내 프로젝트"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    (folder / ".gitignore").write_text("out/\n")
    (folder / "act.py").write_bytes(Path(actions.__file__).read_bytes())
    monkeypatch.chdir(folder)
    with far_side("local", home):
        yield folder


def _run(script: str, reporter: Hearing, *patterns: str, **more: int) -> int:
    options = RunOptions(pull=patterns, **more)  # type: ignore[arg-type]  # sizes alone
    target = command_target(("sh", "-c", script), name="results")
    return run_target(target, reporter, on="here", options=options).code


@pytest.fixture(params=["alone", "link"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each command dial for itself, and then all of them share a link."""
    if request.param == "link":
        monkeypatch.delenv("COLABDEV_LINK")
    yield
    if request.param == "link":
        end_link()
        monkeypatch.setenv("COLABDEV_LINK", "0")


@pytest.mark.sshd
@pytest.mark.usefixtures("road")
def test_three_checkpoints_are_here_before_the_jobs_end_is_told(
    machine: StartedRuntime, project: Path, home: Path
) -> None:
    """20 MB each, two of them while the job runs, over a line that is cut; all are as written."""
    registry = Registry()
    runtime = connect(machine.connect_string, "colab", Silent()).runtime
    assert runtime.destination
    size = 20_000_000
    gates = [home / f"gate {number}" for number in range(3)]
    gates[2].touch()
    digests = [
        hashlib.sha256(actions.noise_bytes(str(number), str(size), "file")).hexdigest()
        for number in range(3)
    ]
    files = [project / "out" / "run" / f"step-{number}.pt" for number in range(3)]
    with relay_to(runtime.destination.port) as relay:
        there = replace(runtime.destination, port=relay.port)
        registry.put(replace(runtime, destination=there))

        def heard(event: Event) -> None:
            if isinstance(event, Artifact):
                number = int(event.path[-4])
                assert files[number].stat().st_size == size
                gates[number].touch()
                relay.cut()
            if isinstance(event, Exited):
                assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in files] == digests

        reporter = Hearing(heard)
        words = ("checkpoints", str(size), "out/run", *map(str, gates))
        options = RunOptions(pull=("out/**/*.pt",))
        outcome = run_target(script_target("act.py", words), reporter, options=options)
    assert outcome.code == 0
    assert reporter.artifacts == [f"out/run/step-{number}.pt" for number in range(3)]
    assert isinstance(reporter.events[-1], Exited)
    with Results() as results:
        recorded = results.run("last").artifacts
    assert [(one.digest, one.size) for one in recorded] == [(one, size) for one in digests]
    assert sorted((project / "out" / "run").iterdir()) == files  # no draft is left


def test_only_what_the_job_made_is_brought(project: Path) -> None:
    """What stood there before and was left alone is none of its results; a rewritten file is."""
    (project / "old.txt").write_text("old")
    (project / "again.txt").write_text("old")
    reporter = Hearing()
    _run("echo made > new.txt; echo new > again.txt; ln -s new.txt link.txt", reporter, "*.txt")
    assert reporter.artifacts == ["again.txt", "new.txt"]
    assert (project / "again.txt").read_text() == "new\n"
    assert (project / "new.txt").read_text() == "made\n"
    assert not (project / "link.txt").exists()


def test_a_result_that_is_written_anew_replaces_the_one_brought_before(project: Path) -> None:
    """Also in a later run, and though no sync ever sees it."""
    for word in ("one", "two", "three"):
        _run(f"mkdir -p out; echo {word} > out/last.txt", Hearing(), "out/*")
        assert (project / "out" / "last.txt").read_text() == f"{word}\n"


def test_a_file_that_was_changed_here_stays(project: Path) -> None:
    """It is named with the place of the other one; what else came is here."""
    _run("mkdir -p out; echo theirs > out/a.txt", Hearing(), "out/*")
    (project / "out" / "a.txt").write_text("mine")
    reporter = Hearing()
    code = _run("echo newer > out/a.txt; echo b > out/b.txt; exit 5", reporter, "out/*")
    assert code == 5
    assert (project / "out" / "a.txt").read_text() == "mine"
    assert reporter.artifacts == ["out/b.txt"]
    ((text, hint),) = reporter.warned
    assert "out/a.txt was not brought back" in text
    assert str(Path(Registry().get("here").root) / project.name / "out" / "a.txt") in hint


def test_a_link_here_leads_no_result_astray(project: Path, home: Path) -> None:
    """A folder of the project that is a link is not written through."""
    (home / "elsewhere").mkdir()
    (project / "out").symlink_to(home / "elsewhere")
    reporter = Hearing()
    _run("rm -f out; mkdir -p out; echo x > out/x.txt", reporter, "out/*")
    assert list((home / "elsewhere").iterdir()) == []
    assert reporter.artifacts == []
    assert "out/x.txt" in reporter.warned[-1][0]


def test_no_rules_about_what_is_synced_come_as_results(project: Path) -> None:
    """A runtime that wrote them would get to see what the project keeps from it."""
    script = "mkdir out; cd out; for n in .gitignore .ColabDevIgnore .env; do echo '!*' > $n; done"
    reporter = Hearing()
    _run(script, reporter, "out/.*")
    assert reporter.artifacts == ["out/.env"]
    assert [file.name for file in (project / "out").iterdir()] == [".env"]
    assert sorted(text.split()[0] for text, _ in reporter.warned) == [
        "out/.ColabDevIgnore",
        "out/.gitignore",
    ]


def test_results_of_odd_names(project: Path) -> None:
    """Blanks, a leading dash, quotes, newlines and Korean in folders and files: all come."""
    names = [
        "-x.pt",
        "a b/'q' \"q\" $x.pt",
        "새 폴더/모델.pt",
        "two\nlines.pt",
        "*[a].pt",
        ".hidden.pt",
    ]
    (project / "odd.py").write_text(
        "import pathlib\n"
        f"for name in {names!r}:\n"
        "    path = pathlib.Path(name)\n"
        "    path.parent.mkdir(exist_ok=True)\n"
        "    path.write_text(name)\n"
    )
    reporter = Hearing()
    options = RunOptions(pull=("**/*.pt", "**/.*.pt"))
    assert run_target(script_target("odd.py"), reporter, on="here", options=options).code == 0
    assert sorted(reporter.artifacts) == sorted(names)
    assert [(project / name).read_text() for name in names] == names
    assert reporter.warned == []


def test_a_large_result_is_named(project: Path) -> None:
    """Beyond the limit it stays there; a smaller one comes."""
    reporter = Hearing()
    _run("seq 9999 > large.csv; echo 1 > small.csv", reporter, "*.csv", pull_limit=1000)
    assert reporter.artifacts == ["small.csv"]
    assert not (project / "large.csv").exists()
    assert "large.csv" in reporter.warned[0][0]


def test_a_detached_job_gives_its_results_to_who_comes_back(
    project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the project's folder they are brought; elsewhere it is said where they are."""
    options = RunOptions(pull=("*.csv",))
    target = command_target(("sh", "-c", "echo 1 > a.csv"), name="left")
    run_target(target, Silent(), on="here", detach=True, options=options)
    monkeypatch.chdir(home)
    reporter = Hearing()
    assert attach("left", reporter, on="here").code == 0
    assert "stay on the runtime" in reporter.warned[-1][0]
    monkeypatch.chdir(project)
    assert not (project / "a.csv").exists()
    for _ in range(2):
        assert attach("left", Hearing(), on="here").code == 0
        assert (project / "a.csv").read_text() == "1\n"


def test_two_who_listen_bring_each_file_once(project: Path, home: Path) -> None:
    """Neither takes what the other brought for somebody's work; both say that it came."""
    gate = home / "gate"
    script = (
        f"while [ ! -e '{gate}' ]; do sleep .02; done; for n in 1 2 3 4 5 6; do"
        " head -c 3000000 /dev/urandom > r.new; mv r.new $((n % 3)).bin; sleep .6; done"
    )
    target = command_target(("sh", "-c", script), name="both")
    run_target(target, Silent(), on="here", detach=True, options=RunOptions(pull=("*.bin",)))
    reporters = [Hearing(), Hearing()]
    threads = [
        threading.Thread(target=attach, args=("both", reporter), kwargs={"on": "here"})
        for reporter in reporters
    ]
    for thread in threads:
        thread.start()
    gate.touch()
    for thread in threads:
        thread.join()
    for reporter in reporters:
        assert reporter.warned == []
        assert set(reporter.artifacts) == {"0.bin", "1.bin", "2.bin"}
    for number in range(3):
        name = f"{number}.bin"
        assert (project / name).read_bytes() == (_there(project) / name).read_bytes()


def test_the_project_may_name_its_results(project: Path) -> None:
    """``results`` in [tool.colabdev] is the default; what leads out of the project is refused."""
    settings = project / "pyproject.toml"
    settings.write_text('[tool.colabdev]\nresults = ["out/*.pt"]\n')
    assert wanted_results(project, ()) == ("out/*.pt",)
    assert wanted_results(project, ("a/*",)) == ("a/*",)
    for bad in ("/etc/*", "../x", "a/../../x", ""):
        with pytest.raises(InputError):
            wanted_results(project, (bad,))
    for text in ('[tool.colabdev]\nresults = "x"', "[tool.colabdev]\nresults = [1]", "= no toml"):
        settings.write_text(text)
        with pytest.raises(ConfigError):
            wanted_results(project, ())


def test_a_file_that_is_always_replaced_comes_all_the_same(project: Path) -> None:
    """Each version is renamed over before it could come; whole ones come, others do not starve.

    The last one is here at the end.
    """
    reporter = Hearing()
    script = (
        "import os, pathlib\n"
        "pathlib.Path('out').mkdir()\n"
        "def save(name, word):\n"
        "    with open('out/draft', 'w') as stream: stream.write(word * 4_000_000)\n"
        "    os.replace('out/draft', f'out/{name}.pt')\n"
        "save('best', 'b')\n"
        "number = 0\n"
        "while number < 1000 and not os.path.exists('enough'):\n"
        "    number += 1\n"
        "    save('last', chr(97 + number % 26))\n"
        "save('last', '!')\n"
    )
    (project / "save.py").write_text(script)
    seen: list[str] = []

    def heard(event: Event) -> None:
        if isinstance(event, Artifact):
            text = (project / event.path).read_text()
            assert text == text[0] * 4_000_000
            seen.append(event.path)
            if seen.count("out/last.pt") > 1 and "out/best.pt" in seen:
                there = Path(Registry().get("here").root) / project.name
                (there / "enough").touch()

    reporter.act = heard
    options = RunOptions(pull=("out/*.pt",))
    assert run_target(script_target("save.py"), reporter, on="here", options=options).code == 0
    assert seen.count("out/last.pt") > 2
    assert (project / "out" / "last.pt").read_text()[0] == "!"
    assert reporter.warned == []


def _synced(project: Path) -> None:
    with reach(Registry().get("here")) as transport:
        sync_project(project, Registry().get("here"), transport, Silent())


def _there(project: Path) -> Path:
    return Path(Registry().get("here").root) / project.name


def test_a_sync_knows_what_was_pulled(project: Path) -> None:
    """Changed there only since: the newer one comes, as it would had a sync brought the first."""
    (project / ".gitignore").unlink()
    _run("mkdir -p out; echo one > out/last.txt", Hearing(), "out/*")
    (_there(project) / "out" / "last.txt").write_text("two, by a job that nobody listens to")
    _synced(project)
    assert (project / "out" / "last.txt").read_text() == "two, by a job that nobody listens to"


def test_a_pulled_file_that_was_edited_here_is_sent(project: Path) -> None:
    """Changed here only since: it goes there; changed on both sides, both stay."""
    (project / ".gitignore").unlink()
    _run("mkdir -p out; echo one > out/last.txt", Hearing(), "out/*")
    (project / "out" / "last.txt").write_text("mine")
    _synced(project)
    assert (_there(project) / "out" / "last.txt").read_text() == "mine"
    (project / "out" / "last.txt").write_text("mine again")
    (_there(project) / "out" / "last.txt").write_text("theirs")
    with pytest.raises(SyncConflict):
        _synced(project)
    assert (project / "out" / "last.txt").read_text() == "mine again"
    assert (_there(project) / "out" / "last.txt").read_text() == "theirs"


def test_a_pulled_file_that_was_deleted_here(project: Path) -> None:
    """It goes there too, as any synced file would; a newer one there beats that and comes."""
    (project / ".gitignore").unlink()
    _run("mkdir -p out; echo one > out/a.txt; echo one > out/b.txt", Hearing(), "out/*")
    for name in ("a", "b"):
        (project / "out" / f"{name}.txt").unlink()
    (_there(project) / "out" / "b.txt").write_text("newer")
    _synced(project)
    assert not (_there(project) / "out" / "a.txt").exists()
    assert (project / "out" / "b.txt").read_text() == "newer"


def test_what_git_does_not_see_is_the_pulls_alone(project: Path) -> None:
    """An ignored folder's results are pulled, and no sync touches them on either side."""
    _run("mkdir -p out; echo one > out/a.txt; echo one > out/b.txt", Hearing(), "out/*")
    (project / "out" / "a.txt").unlink()
    (project / "out" / "b.txt").write_text("mine")
    _synced(project)
    assert [path.read_text() for path in sorted((_there(project) / "out").iterdir())] == [
        "one\n",
        "one\n",
    ]
    assert (project / "out" / "b.txt").read_text() == "mine"


@pytest.mark.sshd
def test_the_months_budget_is_kept(machine: StartedRuntime, project: Path) -> None:
    """What does not fit into the rest of the free month is named; --pull-anyway brings it."""
    runtime = connect(machine.connect_string, "colab", Silent()).runtime
    assert runtime.destination
    with relay_to(runtime.destination.port) as relay:
        metered = replace(runtime.destination, port=relay.port, via="ngrok")
        Registry().put(replace(runtime, destination=metered))
        usage.add("ngrok", received=usage.FREE_BYTES - 10_000_000)
        reporter = Hearing()
        script = "head -c 20000000 /dev/zero > large.pt; head -c 1000 /dev/zero > small.pt"
        target = command_target(("sh", "-c", script), name="results")
        assert run_target(target, reporter, options=RunOptions(pull=("*.pt",))).code == 0
        assert reporter.artifacts == ["small.pt"]
        ((text, _),) = reporter.warned
        assert "large.pt was not brought back" in text
        assert "--pull-anyway" in text
        assert attach("last", Hearing(), pull_anyway=True).code == 0
        assert (project / "large.pt").stat().st_size == 20_000_000
