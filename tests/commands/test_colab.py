"""``connect --via colab``: the official road, by a stand-in for Google's CLI and a real sshd."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.cli.connect import connect as command
from colabdev.commands.colab import connect_colab
from colabdev.commands.disconnect import disconnect
from colabdev.commands.status import State, status
from colabdev.errors import (
    BadConnectString,
    ConfigError,
    HostKeyMismatch,
    HostUnreachable,
    InputError,
    LoginRefused,
    RuntimeGone,
    TransportError,
)
from colabdev.jobs.line import Line
from colabdev.remote import colab
from colabdev.remote.destination import ConnectString, fingerprint, parse_connect_string
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.sshkey import ensure_key
from colabdev.remote.transport import run
from colabdev.remote.tunnels import colab_program
from tests.commands.conftest import Heard
from tests.remote.keys import fresh_ed25519
from tests.support import stub_colab
from tests.support.cli import colabdev
from tests.support.far import until
from tests.support.link import end_link
from tests.support.runtime import StartedRuntime
from tests.support.terminal import terminal

pytestmark = [
    pytest.mark.sshd,
    pytest.mark.skipif(os.getuid() != 0, reason="a runtime of Colab's is entered as root"),
]


@dataclass(frozen=True, slots=True)
class Google:
    """The stand-in's *folder* and the *machine* that each of its runtimes is."""

    folder: Path
    machine: StartedRuntime

    def calls(self, first: str = "") -> list[list[str]]:
        return stub_colab.calls(self.folder, first)

    def sessions(self) -> dict[str, str]:
        return dict(stub_colab.state(self.folder)["sessions"])

    def set(self, **changes: object) -> None:
        stub_colab.state(self.folder, **changes)


@pytest.fixture
def google(
    machine: StartedRuntime, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Google]:
    """Lend Google's stand-in on the PATH; its machine knows no key and ran no cell."""
    place = parse_connect_string(machine.connect_string).destination
    keys = machine.home / ".colabdev" / "sshd" / "authorized_keys"
    keys.write_text("")
    record, aside = machine.home / ".colabdev" / "runtime.json", machine.home / "runtime.json"
    record.rename(aside)
    folder = home / "bin"
    stub_colab.install(folder, place.port, keys)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    yield Google(folder, machine)
    end_link()
    aside.replace(record)


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let links be used."""
    monkeypatch.delenv("COLABDEV_LINK")


def test_made_learned_and_pinned(google: Google, heard: Heard) -> None:
    """One that is not there is made with the GPU asked for; its key is learned once and pinned."""
    connect_colab("train", "colab", heard, gpu="T4")
    assert google.calls("new") == [["new", "-s", "train", "--gpu", "T4"]]
    found = Registry().get("colab")
    key = parse_connect_string(google.machine.connect_string).destination.host_key
    assert found.destination == colab.place("train", key)
    assert any(fingerprint(key) in line and "colab stop -s train" in line for line in heard.told)
    assert found.root == f"{google.machine.home}/content"
    connect_colab("train", "colab", heard, gpu="A100")
    assert len(google.calls("new")) == 1
    assert "no effect" in heard.warned[-1][0]
    assert heard.warned[-1][1]
    identity = google.calls("ssh")[0][-2:]
    assert identity == ["--identity", str(paths.key_file())]


def test_the_command_line(google: Google) -> None:
    """-s names both the runtime and the alias; what does not go together is refused."""
    done = colabdev("connect", "--via", "colab", "-s", "train", "--gpu", "l4")
    assert done.returncode == 0, done.stderr
    assert google.calls("new") == [["new", "-s", "train", "--gpu", "L4"]]
    assert Registry().get(None).alias == "train"
    for words in (["--gpu", "T4"], ["-s", "x"], ["--via", "colab", "--direct", "a@b"]):
        assert colabdev("connect", *words).returncode == 2
    assert colabdev("connect", "--via", "colab", "-s", "a_b").returncode == 2
    choices = next(each for each in command.params if each.name == "gpu").type
    assert tuple(getattr(choices, "choices", ())) == colab.GPUS


def test_made_anew_under_the_alias_it_had(google: Google) -> None:
    """After it ended, the command that the failure names brings the same alias back to life."""
    assert colabdev("connect", "--via", "colab", "-s", "train", "--name", "gpu").returncode == 0
    google.set(sessions={})
    done = colabdev("run", "--no-sync", "--", "true")
    assert done.returncode == 69
    assert b"colabdev connect --via colab -s train" in done.stderr
    assert colabdev("connect", "--via", "colab", "-s", "train").returncode == 0
    assert [runtime.alias for runtime in Registry().all()] == ["gpu"]
    assert len(google.calls("new")) == 2


def test_ssh_and_commands_share_the_only_connection(
    google: Google, heard: Heard, links: None
) -> None:
    """Plain ssh beside a command: Google's CLI carries a single connection for both."""
    connect_colab("train", "colab", heard)
    before = len(google.calls("bridge"))
    with reach(Registry().get("colab")) as transport:
        slow = transport.start(["sh", "-c", "read line; echo $line"])
        done = subprocess.run(
            ["ssh", "-F", paths.ssh_config_file(), "-oBatchMode=yes", "colab", "echo in"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert (done.stdout, done.returncode) == ("in\n", 0), done.stderr
        slow.write(b"still there\n")
        assert slow.read() == b"still there\n"
        slow.close()
    assert len(google.calls("bridge")) == before + 1


def test_no_dial_makes_a_runtime(google: Google, heard: Heard, links: None) -> None:
    """Once the runtime has ended, commands, ssh and status say so; `colab ssh` is not started."""
    connect_colab("train", "colab", heard)
    google.set(sessions={})
    before = len(google.calls("ssh"))
    with pytest.raises(RuntimeGone) as caught, reach(Registry().get("colab")) as transport:
        run(transport, ["true"])
    assert "--via colab -s train" in caught.value.hint
    [found] = status("colab")
    assert (found.state, found.hint) == (State.GONE, caught.value.hint)
    done = subprocess.run(
        ["ssh", "-F", paths.ssh_config_file(), "-oBatchMode=yes", "colab", "true"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 255
    assert "has ended" in done.stderr
    assert len(google.calls("ssh")) == before
    assert google.sessions() == {}


def test_a_runtime_that_ends_under_a_job(
    google: Google, heard: Heard, folder: Path, links: None
) -> None:
    """The job is told to be lost, what had come stays, and nothing is made in its place."""
    connect_colab("train", "colab", heard)
    (folder / "pyproject.toml").touch()
    (folder / "script.py").write_text(
        "import pathlib, time\n"
        "print('before', flush=True)\n"
        f"while not pathlib.Path({str(folder / 'over')!r}).exists(): time.sleep(0.05)\n"
    )
    words = [sys.executable, "-m", "colabdev", "run", "script.py"]
    with subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == "before\n"
        google.set(sessions={})
        os.kill(int(google.calls("bridge")[-1][1]), signal.SIGKILL)
        _, said = job.communicate(timeout=60)
    assert job.returncode == 69
    assert "The runtime train has ended" in said
    (folder / "over").touch()
    assert google.sessions() == {}
    assert b"lost" in colabdev("results", "list").stdout


def test_an_answer_that_is_not_understood_dials_nothing(google: Google, heard: Heard) -> None:
    """A CLI that says something else than yes is not trusted with a dial that could cost."""
    google.set(sessions={"train": "T4"}, answers={"status": "Sessions have moved"})
    with pytest.raises(HostUnreachable) as caught:
        connect_colab("train", "colab", heard)
    assert "Sessions have moved" in caught.value.message
    assert google.calls("ssh") == google.calls("new") == []


def test_one_that_ends_between_the_question_and_the_dial(google: Google, heard: Heard) -> None:
    """Should Google's CLI make a runtime after all, the user hears of it, with how to end it."""
    connect_colab("train", "colab", heard)
    google.set(sessions={}, stale=["train"])
    before = colab.place("train", fresh_ed25519())  # the new runtime has another key than this
    with pytest.raises(RuntimeGone) as caught:
        SSHTransport.connect(before, paths.key_file())
    assert "colab stop -s train" in caught.value.hint


REFUSALS: list[tuple[dict[str, str], type[TransportError], str]] = [
    ({"ssh": "400"}, LoginRefused, "key"),
    ({"ssh": "401"}, HostUnreachable, "does not let"),
    ({"ssh": "404"}, HostUnreachable, "without SSH"),
    ({"ssh": "429"}, HostUnreachable, "the only one"),
    ({"ssh": "502"}, HostUnreachable, "SSH server is not"),
    ({"ssh": "No such command 'ssh'."}, HostUnreachable, "no 'colab ssh"),
    ({"ssh": "WebSocket connection failed: x"}, HostUnreachable, "does not reach"),
    ({"new": "Backend rejected accelerator 'A100'."}, HostUnreachable, "no such GPU"),
    ({"new": "colab_cli.client.TooManyAssignmentsError: x"}, HostUnreachable, "as many"),
    ({"new": "something \x1b[2J else"}, HostUnreachable, "something"),
    ({"status": "EOFError: EOF when reading a line"}, HostUnreachable, "not logged in"),
]


def test_each_refusal_has_its_sentence(google: Google) -> None:
    """What Google's CLI refuses with is a sentence and a step; what was made is told to cost."""
    for answers, kind, words in REFUSALS:
        heard = Heard()
        google.set(answers=answers, sessions={})
        with pytest.raises(kind) as caught:
            connect_colab("train", "colab", heard)
        assert words in caught.value.message
        assert caught.value.hint
        told = [hint for _, hint in heard.warned]
        assert told == (["End it: colab stop -s train"] if "ssh" in answers else [])
    assert Registry().all() == []


def test_ctrl_c_leaves_no_runtime_that_nobody_knows(google: Google) -> None:
    """Google's CLI is not ended in the middle of ``new``; the user hears what it may have made."""
    google.set(slow=True)
    with terminal("connect", "--via", "colab", "-s", "train") as screen:
        screen.until("Making the runtime")
        until(lambda: bool(google.calls("new")))
        screen.type("\x03")
        screen.until("(?s)may still make the runtime train.*colab stop -s train")  # often at once
        assert screen.end() == 130
    (google.folder / "go").touch()
    until(lambda: google.sessions() == {"train": "NONE"})


def test_two_at_once_make_one(google: Google, home: Path) -> None:
    """The second one waits for the first, and takes what that made."""
    google.set(slow=True)
    words = [sys.executable, "-m", "colabdev", "connect", "--via", "colab", "-s", "train"]
    both = [
        subprocess.Popen([*words, "--name", name], stderr=subprocess.PIPE) for name in ("a", "b")
    ]
    until(lambda: bool(google.calls("new")))
    (google.folder / "go").touch()
    said = [each.communicate()[1] for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert len(google.calls("new")) == 1


def test_the_connection_that_has_just_ended_may_hold_the_road(google: Google, heard: Heard) -> None:
    """A 429 is tried again for a while, as Colab may see late that the last one has ended."""
    connect_colab("train", "colab", heard)
    google.set(answers={"ssh": "429"})
    late = subprocess.Popen(
        ["sh", "-c", f"until grep -c ssh {google.folder}/colab.log | grep -q '[4-9]'; do sleep .1;"
         f" done; sed -i 's/\"429\"/\"\"/' {google.folder}/colab.json"],
    )  # fmt: skip
    with reach(Registry().get("colab")) as transport:
        assert run(transport, ["echo", "in"]).stdout == b"in\n"
    assert late.wait() == 0
    assert len(google.calls("ssh")) > 3


def test_a_bridge_that_dies_is_dialled_again(google: Google, heard: Heard, links: None) -> None:
    """Google's CLI dies, and again: whatever was under way is dialled anew."""
    connect_colab("train", "colab", heard)
    with (
        reach(Registry().get("colab")) as transport,
        Line(Registry().get("colab"), transport) as line,
    ):
        for _ in range(3):
            assert line.persist(lambda there: run(there, ["echo", "in"]).stdout) == b"in\n"
            os.kill(int(google.calls("bridge")[-1][1]), signal.SIGKILL)


def test_another_key_for_the_same_life(google: Google, heard: Heard) -> None:
    """What was pinned stays pinned: the same life with another key is refused, not learned."""
    connect_colab("train", "colab", heard)
    known = Registry().get("colab")
    assert known.destination
    strange = colab.place("train", fresh_ed25519())
    Registry().put(type(known)("colab", strange, known.boot_id, known.root, known.registered))
    with pytest.raises(HostKeyMismatch) as caught:
        connect_colab("train", "colab", heard)
    assert "forget colab" in caught.value.hint
    assert Registry().get("colab").destination == strange


def test_disconnect_ends_no_runtime(google: Google, heard: Heard) -> None:
    """It is forgotten here, and goes on there: the user is told how to end what costs."""
    connect_colab("train", "colab", heard)
    disconnect("colab", heard)
    assert "colab stop -s train" in heard.told[-1] + heard.told[-2]
    assert google.sessions() == {"train": "NONE"}
    assert "train" not in paths.ssh_config_file().read_text()


def test_without_googles_cli(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is missing, the sentence says how to get it."""
    ensure_key()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError) as caught:
        connect_colab("train", "colab", heard)
    assert "uv tool install google-colab-cli" in caught.value.hint


def test_where_uv_puts_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor started from the desktop has no ~/.local/bin on its PATH; it is looked at."""
    program = stub_colab.install(home / ".local" / "bin", 1, home / "keys")
    monkeypatch.setenv("PATH", "/nowhere")
    assert colab_program() == str(program)


@pytest.mark.parametrize("session", ["-x", "a b", "", "a.b", "x" * 64, "a\n", "%h", "--rm"])
def test_names_that_cannot_be(session: str, heard: Heard) -> None:
    """No name is an option to Google's CLI, or anything that an ssh config would misread."""
    with pytest.raises(InputError):
        connect_colab(session, "colab", heard)


def test_no_stranger_names_this_road() -> None:
    """Only a record of this computer's own may say ``colab``; a pasted string may not."""
    where = ConnectString(colab.place("train", fresh_ed25519()), "0" * 32, "/content")
    assert ConnectString.parse(str(where), own=True) == where
    with pytest.raises(BadConnectString):
        parse_connect_string(str(where))
