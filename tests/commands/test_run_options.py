"""How a job is started and looked at from the command line, on this very machine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from colabdev.commands.jobs import list_jobs
from colabdev.jobs.job import JobState
from colabdev.remote.runtime import Registry
from colabdev.results.run import RunState
from colabdev.results.store import Results
from tests.support.cli import colabdev, json_lines
from tests.support.far import far_side


@pytest.fixture
def project(home: Path) -> Iterator[Path]:
    """Lend a project, and end what still runs afterwards."""
    folder = home / "project"
    (folder / "package").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    (folder / "package" / "train.py").write_text(
        "import json, os, sys\n"
        "print(json.dumps([__name__, sys.argv[1:], os.environ.get('TOKEN')]))\n"
    )
    with far_side("local", home):
        yield folder


def _run(project: Path, *words: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    done = colabdev("run", "--on", "here", *words, cwd=project, env={**os.environ, **(env or {})})
    return done.returncode, (done.stdout + done.stderr).decode()


def test_a_module_runs_as_python_runs_it(project: Path) -> None:
    """Its name is __main__, its arguments are its own, and it is found in the project."""
    code, told = _run(project, "-m", "package.train", "--epochs", "3", "-m")
    assert (code, json.loads(told)) == (0, ["__main__", ["--epochs", "3", "-m"], None])
    code, told = _run(project, "-m", "package/train.py")
    assert code == 2
    assert "package/train.py" in told


def test_variables_are_set_and_only_their_names_recorded(project: Path, home: Path) -> None:
    """A value is given, or taken from here; no file of ours on either side holds it."""
    secrets = {"TOKEN": "s3cret=from=here"}
    _, told = _run(project, "--env", "TOKEN", "-m", "package.train", env=secrets)
    assert json.loads(told)[2] == secrets["TOKEN"]
    _, told = _run(project, "--env", "TOKEN=a=b c", "package/train.py", env=secrets)
    assert json.loads(told)[2] == "a=b c"
    files = [path for path in home.rglob("*") if path.is_file() and path.parent.name != "events"]
    assert not any(b"s3cret" in path.read_bytes() for path in files)
    specs = [json.loads(path.read_text()) for path in home.rglob("spec.json")]
    assert [spec["env"] for spec in specs] == [["TOKEN"], ["TOKEN"]]


@pytest.mark.parametrize("word", ["", "=x", "1A=2", "A B=c", "NOT_SET_HERE", "COLABDEV_JOB=1"])
def test_a_variable_that_cannot_be_is_said_before_anything_is_sent(
    project: Path, word: str
) -> None:
    """Exit code 2, and no job."""
    code, told = _run(project, "--env", word, "package/train.py")
    assert code == 2
    assert "Error: " in told
    assert not Path(Registry().get("here").root).exists()


def test_without_sync_the_folder_there_is_taken_as_it_stands(project: Path) -> None:
    """Nothing is sent: before the first sync there is no folder, later an edit does not count."""
    code, told = _run(project, "--no-sync", "package/train.py")
    assert code == 70
    assert "colabdev sync" in told
    assert _run(project, "package/train.py")[0] == 0
    (project / "package" / "train.py").write_text("raise SystemExit(9)")
    assert _run(project, "--no-sync", "package/train.py")[0] == 0
    assert _run(project, "package/train.py")[0] == 9


def test_logs_show_what_was_printed(project: Path) -> None:
    """All of it, or the last lines; the bytes are the job's, and the exit code is 0."""
    _run(project, "--name", "count", "--", "sh", "-c", "seq 9; printf end >&2; exit 3")
    done = colabdev("logs", "--on", "here", "count")
    assert done.returncode == 0
    assert done.stdout == b"".join(b"%d\n" % number for number in range(1, 10))
    assert done.stderr == b"end"
    assert colabdev("logs", "--on", "here", "--tail", "3", "last").stdout in (
        b"8\n9\n",
        b"7\n8\n9\n",
    )
    assert colabdev("logs", "--on", "here", "-f", "--since", "1h", "count").stdout == done.stdout
    assert colabdev("logs", "--on", "here", "nope").returncode == 2


@pytest.mark.parametrize("bound", [("--tail", "3"), ("--since", "1h"), ("--tail", "0")])
def test_following_a_job_that_ended_without_a_word(project: Path, bound: tuple[str, ...]) -> None:
    """There is nothing to show, and it is no job of which nobody knows how it ended."""
    assert _run(project, "--name", "silent", "--", "sh", "-c", "exit 3")[0] == 3
    done = colabdev("logs", "--on", "here", "-f", *bound, "silent")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_was_dropped_is_said(project: Path) -> None:
    """Beyond --log-limit the oldest output goes; who listens later hears how much, and the rest."""
    words = ("--log-limit", "200KB", "--name", "much", "--detach")
    assert _run(project, *words, "--", "seq", "200000")[0] == 0
    assert colabdev("wait", "--on", "here", "much").returncode == 0
    for command, code in (("logs", 0), ("attach", 0)):
        done = colabdev(command, "--on", "here", "much", cwd=project)
        assert done.returncode == code
        assert b"of what the job told are gone, the oldest." in done.stderr
        assert b"--log-limit" in done.stderr
        assert done.stdout.endswith(b"\n199999\n200000\n")
        assert len(done.stdout) < 220_000


def test_what_is_dropped_again_and_again_is_said_in_one(project: Path) -> None:
    """Under a small limit a flood outruns who listens: one word at its first loss, one at last."""
    words = ("--on", "here", "--log-limit", "20KB", "--", "seq", "1000000")
    done = colabdev("run", *words, cwd=project)
    assert done.returncode == 0
    assert done.stdout.endswith(b"\n999999\n1000000\n")
    assert done.stderr.count(b"are gone, the oldest.") in (1, 2)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device is always full here")
def test_a_full_disk_under_the_output_ends_the_command_and_not_the_job(project: Path) -> None:
    """What it tells cannot be kept where it was to go: 1, and the way back on stderr."""
    words = ["run", "--on", "here", "--", "sh", "-c", "echo line; exit 4"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "colabdev", *words],
            cwd=project,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    sentence, step = done.stderr.decode().strip().splitlines()
    assert sentence == "Error: The output cannot be written: No space left on device."
    assert "colabdev attach --on here" in step


@pytest.mark.parametrize("mode", [[], ["--json"]])
def test_a_reader_who_goes_away_ends_the_command_and_not_the_job(
    project: Path, mode: list[str]
) -> None:
    """As under ``| head``: 141, and the way back on stderr; for logs that is no word worth."""
    command = [sys.executable, "-m", "colabdev"]
    script = "for n in $(seq 1000); do echo line $n; sleep .02; done"
    words = ["run", "--on", "here", *mode, "--", "sh", "-c", script]
    with subprocess.Popen(
        [*command, *words], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stderr
        assert child.stdout.readline()
        child.stdout.close()
        told = child.stderr.read().decode()
    assert child.returncode == 141
    assert "Nobody reads the output" in told
    assert "colabdev attach --on here" in told
    assert "Traceback" not in told
    (job,) = list_jobs("here")
    assert job.state is JobState.RUNNING
    with Results() as results:
        assert results.run("last").state is RunState.DETACHED
    with subprocess.Popen(
        [*command, "logs", "-f", "--on", "here", *mode, "last"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout
        assert child.stderr
        assert child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 141


def test_waiting_ends_with_the_first_code_that_is_no_success(project: Path) -> None:
    """All jobs are waited for, and the codes are theirs, also of one that had ended before."""
    gate = project / "gate"
    wait = f"while [ ! -e '{gate}' ]; do sleep .02; done; exit 4"
    _run(project, "--name", "good", "--", "true")
    _run(project, "--detach", "--name", "bad", "--", "sh", "-c", wait)
    assert colabdev("wait", "--on", "here", "good").returncode == 0
    gate.touch()
    lines = json_lines(colabdev("wait", "--on", "here", "--json", "good", "bad"))
    assert [job["state"] for job in lines[0]["data"]] == ["succeeded", "failed"]
    assert lines[-1] == {"v": 1, "type": "end", "exit_code": 4, "whose": "job"}


def test_a_job_whose_supervisor_was_killed_is_told_as_it_is(project: Path, home: Path) -> None:
    """wait ends with 70, jobs says that it is lost and still runs, and cancel ends what runs."""
    _run(project, "--detach", "--name", "orphan", "--", "sh", "-c", "trap '' PIPE; sleep 60")
    (state,) = home.rglob("state.json")
    supervisor = psutil.Process(json.loads(state.read_text())["pid"])
    (command,) = (one for one in supervisor.children() if one.name() == "sh")
    supervisor.kill()
    assert colabdev("wait", "--on", "here", "orphan").returncode == 70
    assert b"lost (still runs)" in colabdev("jobs", "--on", "here").stdout
    done = colabdev("logs", "--on", "here", "-f", "orphan")
    assert done.returncode == 70
    assert b"supervisor is gone" in done.stderr
    assert b"1 job" not in colabdev("jobs", "prune", "--on", "here", "--older-than", "0").stdout
    assert colabdev("cancel", "--on", "here", "orphan").returncode == 0
    assert not psutil.pid_exists(command.pid) or command.status() == psutil.STATUS_ZOMBIE
    listed = colabdev("jobs", "--on", "here").stdout
    assert b"lost" in listed
    assert b"still runs" not in listed


def test_records_are_cleared_away(project: Path) -> None:
    """``jobs prune`` says what it removed, and ``jobs`` lists it no more."""
    _run(project, "--", "true")
    assert colabdev("jobs", "prune", "--on", "here").stdout == b""
    done = colabdev("jobs", "prune", "--on", "here", "--older-than", "0")
    assert b"1 job." in done.stdout
    assert json_lines(colabdev("jobs", "--on", "here", "--json"))[0]["data"] == []


@pytest.mark.parametrize("amount", ["", "x", "-1", "1 year", "9" * 400])
def test_an_amount_that_is_none_is_bad_input(project: Path, amount: str) -> None:
    """The sentence shows how to write one."""
    done = colabdev("jobs", "prune", "--on", "here", "--older-than", amount)
    assert done.returncode == 2
    assert b"30m" in done.stderr
