"""The runtime on this very machine."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.commands.local import down_local, take_down, up_local
from colabdev.commands.reporter import Silent
from colabdev.errors import ColabdevError, ConfigError, InputError
from colabdev.jobs import client
from colabdev.jobs.job import JobSpec
from colabdev.payload.cell import core, linux
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry
from tests.support.runtime import StartedRuntime, ssh_command

pytestmark = pytest.mark.sshd


def test_up_and_down(folder: Path) -> None:
    """Up gives a machine to log in to, twice the same; down leaves nothing of it."""
    connect = up_local(Silent())
    try:
        home = paths.local_runtimes_dir() / "local"
        there = parse_connect_string(connect)
        assert there.root == str(home / "content")
        assert there.destination.hostname == "127.0.0.1"
        runtime = StartedRuntime(connect, home, {})
        pid, _ = runtime.facts["sshd"]
        command = [
            *ssh_command(connect, folder),
            "echo $HOME $COLABDEV_PYTHON; echo x > $HOME/content/x",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == f"{home} {sys.executable}\n"
        assert home.stat().st_mode & 0o777 == 0o700
        assert up_local(Silent()) == connect
    finally:
        assert down_local()
    assert not home.exists()
    assert not linux._record(pid)[1]
    assert not down_local()


def test_taking_down_ends_jobs_and_forgets(folder: Path) -> None:
    """No job outlives its local runtime, and the laptop knows neither of them any more."""
    text = up_local(Silent())
    runtime = connect(text, "local", Silent()).runtime
    sleeper = ("sh", "-c", "trap '' INT; echo $$ > pid; sleep 600")
    pid_file = Path(runtime.root) / "pid"
    with reach(runtime) as transport:
        client.start(transport, JobSpec(client.new_job_id(), sleeper, runtime.root, "sleeper"))
    assert core._wait_for(pid_file.exists, 10)
    pid = int(pid_file.read_text())
    take_down("local", Silent())
    assert not linux._record(pid)[1]
    assert not (paths.local_runtimes_dir() / "local").exists()
    assert not Registry().all()
    assert not paths.user_ssh_config().exists()
    take_down("local", Silent())


def test_taking_down_spares_another_runtime_of_that_name(folder: Path) -> None:
    """A machine elsewhere that happens to have the same alias stays known."""
    other = up_local(Silent(), name="other")
    connect(other, "local", Silent())
    up_local(Silent(), name="local")
    try:
        take_down("local", Silent())
        assert [runtime.alias for runtime in Registry().all()] == ["local"]
    finally:
        take_down("other", Silent())


def test_what_does_not_answer_is_taken_down_too(folder: Path) -> None:
    """A local runtime whose server was killed still ends, with a word about its jobs."""
    up_local(Silent())
    home = paths.local_runtimes_dir() / "local"
    pid, born = StartedRuntime("", home, {}).facts["sshd"]
    os.kill(pid, signal.SIGKILL)
    assert core._wait_for(lambda: not core._alive([pid, born]), 10)
    take_down("local", Silent())
    assert not home.exists()


def test_two_local_runtimes_side_by_side(folder: Path) -> None:
    """Each name is a machine of its own; down takes the one it is told."""
    one, two = up_local(Silent(), name="one"), up_local(Silent(), name="two")
    try:
        assert one != two
        down_local("one")
        assert subprocess.run([*ssh_command(two, folder), "true"], check=False).returncode == 0
    finally:
        down_local("one")
        down_local("two")


def test_another_interpreter_runs_its_jobs(folder: Path) -> None:
    """The interpreter that is named becomes the runtime's, a virtual environment as it is."""
    python = folder / "python with torch"
    python.symlink_to(sys.executable)
    connect = up_local(Silent(), python=str(python))
    try:
        command = [*ssh_command(connect, folder), "echo $COLABDEV_PYTHON"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == f"{python}\n"
    finally:
        down_local()


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "two words", "here"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    """No name leads out of the folder of the runtimes."""
    with pytest.raises(InputError):
        up_local(Silent(), name=name)
    with pytest.raises(InputError):
        down_local(name)


def test_a_python_that_is_none_is_told(folder: Path) -> None:
    """A missing program and one that is no interpreter are each a sentence with a next step."""
    with pytest.raises(InputError, match="no program"):
        up_local(Silent(), python=str(folder / "none"))
    script = folder / "script"
    script.write_text("#!/nowhere\n")
    script.chmod(0o700)
    with pytest.raises(InputError, match="cannot be started"):
        up_local(Silent(), python=str(script))
    down_local()


def test_what_the_cell_refuses_is_told_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that fails ends in its own sentence and step."""
    home = paths.local_runtimes_dir() / "local"
    (home / ".colabdev").mkdir(parents=True)
    (home / ".colabdev" / "runtime.json").write_text("{")
    with pytest.raises(ColabdevError, match=r"runtime\.json is damaged") as caught:
        up_local(Silent())
    assert "Delete it" in caught.value.hint
    (home / ".colabdev" / "runtime.json").unlink()
    assert down_local()


def test_it_is_no_colab_even_inside_colab(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local runtime writes nothing outside its home, wherever it is started."""
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab-external_20261101")
    connect = up_local(Silent())
    try:
        command = [*ssh_command(connect, folder), "echo [$COLAB_RELEASE_TAG]"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"
        assert not Path("/etc/profile.d/colabdev.sh").exists()
    finally:
        down_local()


def test_what_could_not_be_connected_to_is_not_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of ours that no ssh config can name is told before anything runs."""
    monkeypatch.setenv("COLABDEV_HOME", str(folder / 'a"b'))
    with pytest.raises(ConfigError, match="cannot stand in an ssh config"):
        up_local(Silent())
    assert not (paths.local_runtimes_dir() / "local").exists()


def test_a_relative_home_is_the_same_from_everywhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ssh and a background process read of it names it in full."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLABDEV_HOME", "state")
    assert paths.ssh_config_file() == folder / "state" / "ssh" / "config"
