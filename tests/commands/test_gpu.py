"""``gpu``: what nvidia-smi says over there, once and again, over one connection."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from colabdev.commands.connect import connect
from colabdev.commands.gpu import samples
from colabdev.errors import RemoteFailure
from tests.commands.conftest import Heard
from tests.support.cli import colabdev, json_lines
from tests.support.page import check
from tests.support.runtime import StartedRuntime, start_runtime

pytestmark = pytest.mark.sshd

ANSWER = "0, Tesla T4, 37, 1234, 15360, 28.50, 70.00\n1, A[31m100, [N/A], 0, 40960, [N/A], nan\n"


@pytest.fixture(autouse=True)
def no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no link behind: what is shown does not hang on it."""
    monkeypatch.setenv("COLABDEV_LINK", "0")


@pytest.fixture
def colab(home: Path, heard: Heard) -> Iterator[StartedRuntime]:
    """Lend a machine with two GPUs of the stand-in ``nvidia-smi``, the second one hostile."""
    tools = home / "tools"
    tools.mkdir()
    (tools / "answer").write_text(ANSWER.replace("A[", "A\x1b["))
    (tools / "nvidia-smi").write_text(f"#!/bin/sh\nexec cat {tools}/answer\n")
    (tools / "nvidia-smi").chmod(0o700)
    with start_runtime(home / "vm", env={"PATH": f"{tools}:/usr/bin:/bin"}) as machine:
        connect(machine.connect_string, "colab", heard)
        yield machine


def test_each_gpu(colab: StartedRuntime, home: Path) -> None:
    """Figures are figures, what is not told is None, and a look after a change sees the change."""
    watching = samples("colab", every=0)
    first, second = next(watching)
    assert (first.use, first.memory_used, first.power) == (37, 1234 * 2**20, 28.5)
    assert (second.use, second.power, second.power_limit) == (None, None, None)
    (home / "tools" / "answer").write_text("0, Tesla T4, 99, 1, 2, 3, 4\n")
    assert [one.use for one in next(watching)] == [99]
    watching.close()  # type: ignore[attr-defined]  # a generator, seen as an iterator


def test_shown(colab: StartedRuntime) -> None:
    """People get a table without the far side's control characters, programs get JSON."""
    shown = colabdev("gpu").stdout
    assert b"37 %" in shown
    assert b"\x1b" not in shown
    done = colabdev("gpu", "--json")
    assert check(("gpu",), done) == ["result", "end"]
    [line, _] = json_lines(done)
    assert line["data"][0]["memory_total"] == 15360 * 2**20


@pytest.mark.parametrize("answer", ["", "nonsense\n", "0,1,2\n"])
def test_no_gpu(colab: StartedRuntime, home: Path, answer: str) -> None:
    """Without one the sentence says where to get one."""
    (home / "tools" / "answer").write_text(answer)
    with pytest.raises(RemoteFailure) as caught:
        list(samples("colab"))
    assert "runtime type" in caught.value.hint
