"""``colabdev run`` from the command line to a real sshd and back."""

import base64
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.cli import colabdev, json_lines
from tests.support.runtime import StartedRuntime

pytestmark = pytest.mark.sshd


def _project(home: Path, name: str = "project") -> Path:
    project = home / name
    project.mkdir(parents=True)
    (project / "pyproject.toml").write_text("[project]\n")
    return project


def _script(project: Path, text: str, name: str = "script.py") -> None:
    (project / name).write_text(textwrap.dedent(text), encoding="utf-8")


def test_both_streams_any_bytes_and_the_exit_code_come_back(
    colab: StartedRuntime, home: Path
) -> None:
    """Output is exact on the stream it was written to, and the exit code is the job's: 7."""
    project = _project(home)
    _script(
        project,
        r"""
        import os, sys
        print("한글 out")
        print("err", file=sys.stderr)
        sys.stdout.flush()
        os.write(1, bytes(range(256)))
        os.write(2, b"\xff\xfe no newline")
        sys.exit(7)
        """,
    )
    done = colabdev("run", "script.py", cwd=project)
    assert done.returncode == 7
    assert done.stdout == "한글 out\n".encode() + bytes(range(256))
    assert b"err\n\xff\xfe no newline" in done.stderr
    ours = done.stderr.replace(b"err\n\xff\xfe no newline", b"").decode()
    assert "exit code 7" in ours


def test_json_gives_the_same_bytes_and_says_whose_code_it_is(
    colab: StartedRuntime, home: Path
) -> None:
    """The output events join to the exact bytes; the last line has the job's code."""
    project = _project(home)
    _script(project, r"import os; os.write(1, b'a\xffb' * 1000); raise SystemExit(3)")
    lines = json_lines(colabdev("run", "--json", "script.py", cwd=project))
    data = b"".join(
        base64.b64decode(line["base64"]) if "base64" in line else line["text"].encode()
        for line in lines
        if line["type"] == "output"
    )
    assert data == b"a\xffb" * 1000
    assert lines[-1] == {"v": 1, "type": "end", "exit_code": 3, "whose": "job"}


def test_arguments_reach_the_script_as_they_were_typed(colab: StartedRuntime, home: Path) -> None:
    """Options, blanks, quotes, Korean, newlines and our own option names are the script's."""
    project = _project(home, "내 프로젝트 1")
    _script(project, "import json, sys; print(json.dumps(sys.argv[1:]))", "학습 하기.py")
    words = [
        "--json",
        "--on",
        "x",
        "a b",
        'it\'s "q"',
        "한글",
        "two\nlines",
        "$HOME",
        "--",
        "-h",
        "",
    ]
    done = colabdev("run", "학습 하기.py", *words, cwd=project)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == words


def test_a_command_runs_in_the_project_with_the_kernels_interpreter(
    colab: StartedRuntime, home: Path
) -> None:
    """``run -- CMD`` starts in the synced folder; ``python`` is the notebook kernel's own."""
    project = _project(home)
    (project / "data.txt").write_text("here")
    code = (
        "import os, sys; print(os.getcwd()); print(sys.executable); print(open('data.txt').read())"
    )
    done = colabdev("run", "--", "python", "-c", code, cwd=project)
    assert done.returncode == 0, done.stderr.decode()
    folder, interpreter, text = done.stdout.decode().splitlines()
    assert folder == str(colab.home / "content" / "project")
    assert Path(interpreter) == Path(sys.executable)
    assert text == "here"


def test_a_script_that_does_not_exist_is_said_before_anything_is_sent(
    colab: StartedRuntime, home: Path
) -> None:
    """A mistyped script ends with 2, and the workspace stays empty."""
    project = _project(home)
    done = colabdev("run", "trian.py", cwd=project)
    assert done.returncode == 2
    assert b"trian.py" in done.stderr
    assert not (colab.home / "content" / "project").exists()


def test_a_job_killed_by_a_signal_gives_128_and_its_number(
    colab: StartedRuntime, home: Path
) -> None:
    """A job that dies of SIGKILL ends the command with 137."""
    project = _project(home)
    _script(project, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert colabdev("run", "script.py", cwd=project).returncode == 137


def test_metrics_are_shown_live_and_recorded_with_the_hardware(
    colab: StartedRuntime, home: Path
) -> None:
    """What a script reports is streamed, and is in the results with the machine it ran on."""
    project = _project(home)
    _script(
        project,
        """
        from colabdev_report import metric
        for step in range(3):
            metric("loss", 1 / (step + 1), step=step, better="lower")
        metric("accuracy", float("nan"))
        """,
    )
    done = colabdev("run", "script.py", cwd=project)
    assert done.returncode == 0, done.stderr.decode()
    assert b"loss = 0.333333 (step 2)" in done.stderr
    (result, _) = json_lines(colabdev("results", "show", "last", "--json"))
    run = result["data"]
    assert [(row["metric"], row["step"]) for row in run["metrics"]][:3] == [
        ("loss", 0),
        ("loss", 1),
        ("loss", 2),
    ]
    assert run["metrics"][3]["value"] == "nan"
    assert run["hardware"]["cpus"] >= 1
    assert run["state"] == "succeeded"


def test_an_edit_on_the_other_side_stops_the_run_and_is_kept(
    colab: StartedRuntime, home: Path
) -> None:
    """A file changed on both sides is named, nothing runs, exit code 3, both copies stay."""
    project = _project(home)
    _script(project, "print('first')")
    assert colabdev("run", "script.py", cwd=project).returncode == 0
    theirs = colab.home / "content" / "project" / "script.py"
    theirs.write_text("print('edited over there')")
    _script(project, "print('edited here')")
    done = colabdev("run", "script.py", cwd=project)
    assert done.returncode == 3
    assert b"script.py" in done.stderr
    assert done.stdout == b""
    assert theirs.read_text() == "print('edited over there')"
    assert "edited here" in (project / "script.py").read_text()


def test_a_detached_job_outlives_the_command_and_is_found_again(
    colab: StartedRuntime, home: Path
) -> None:
    """``--detach`` returns at once; ``jobs`` lists it and ``attach`` brings all of its output."""
    project = _project(home)
    _script(
        project,
        """
        import pathlib, time
        print("started")
        end = time.monotonic() + 60
        while not pathlib.Path("go").exists() and time.monotonic() < end:
            time.sleep(0.01)
        print("went on")
        raise SystemExit(5)
        """,
    )
    (started, *_) = [
        line
        for line in json_lines(colabdev("run", "--json", "--detach", "script.py", cwd=project))
        if line["type"] == "result"
    ]
    job = started["data"]["job"]["id"]
    listed = json_lines(colabdev("jobs", "--json"))[0]["data"]
    assert [(one["id"], one["state"]) for one in listed] == [(job, "running")]
    (colab.home / "content" / "project" / "go").touch()
    done = colabdev("attach", job[:6])
    assert done.returncode == 5
    assert done.stdout == b"started\nwent on\n"


def test_the_output_of_a_plain_print_arrives_while_the_job_runs(
    colab: StartedRuntime, home: Path
) -> None:
    """Without PYTHONUNBUFFERED in any environment a line is here before the job goes on."""
    project = _project(home)
    _script(
        project,
        """
        import os, pathlib, time
        print("ready")
        end = time.monotonic() + 60
        while not pathlib.Path("go").exists() and time.monotonic() < end:
            time.sleep(0.01)
        """,
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "colabdev", "run", "script.py"]
    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        (colab.home / "content" / "project" / "go").touch()
    assert running.returncode == 0


def test_an_unwritable_workspace_is_a_sentence(colab: StartedRuntime, home: Path) -> None:
    """A workspace that is a file ends with 70 and names it; nothing ran."""
    project = _project(home)
    _script(project, "print('never')")
    (colab.home / "content").rmdir()
    (colab.home / "content").write_text("a file stands here")
    done = colabdev("run", "script.py", cwd=project)
    assert done.returncode == 70
    assert str(colab.home / "content").encode() in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
