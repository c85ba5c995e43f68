"""What a machine says of itself is true, over both transports, and harmless when it is not."""

import json
import os
import platform
import shutil
import stat
import sys
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.errors import ProtocolError
from colabdev.remote.destination import ConnectString
from colabdev.remote.frames import pack
from colabdev.remote.host import Gpu, host_facts
from colabdev.remote.local import LocalTransport
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import Transport


def _program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_facts_are_true(host: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, processors, memory and disk are those of the machine."""
    facts = host_facts(host, "/", torch=False)
    assert facts.hostname == platform.node()
    assert facts.cpus == len(os.sched_getaffinity(0))
    assert facts.memory == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert abs(facts.disk_free - shutil.disk_usage("/").free) < 2**30
    assert facts.platform.startswith("Linux")
    assert facts.cuda is None


@pytest.mark.sshd
def test_the_cells_life_and_python(address: ConnectString) -> None:
    """A machine that a cell opened tells the boot id its connect string has, and its Python."""
    with SSHTransport.connect(address.destination, paths.key_file()) as transport:
        facts = host_facts(transport, address.root, torch=False)
    assert facts.boot_id == address.boot_id
    assert facts.python == platform.python_version()


@pytest.mark.torch
def test_torch_is_asked_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's own version and whether it has a GPU come from the kernel's interpreter."""
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("COLABDEV_PYTHON", sys.executable)
    facts = host_facts(LocalTransport())
    assert facts.torch == host_facts(LocalTransport(), torch=False).torch == torch.__version__
    assert facts.cuda is torch.cuda.is_available()


def test_a_gpu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nvidia-smi's table becomes the first GPU, its memory in bytes, and how many there are."""
    _program(folder, "nvidia-smi", "echo 'Tesla T4, 15360, 550.54.15'; echo 'Tesla T4, 15360, 5'")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    facts = host_facts(LocalTransport(), torch=False)
    assert facts.gpu == Gpu("Tesla T4", 15360 * 2**20, "550.54.15", 2)


@pytest.mark.parametrize("answer", ["exit 9", "echo No devices were found; exit 6", "echo x"])
def test_a_broken_nvidia_smi_is_no_gpu(
    answer: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that does not answer leaves the machine without a GPU, and the rest in place."""
    _program(folder, "nvidia-smi", answer)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    facts = host_facts(LocalTransport(), torch=False)
    assert facts.gpu is None
    assert facts.hostname


def test_a_home_full_of_traps(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in the home that are called like modules of Python are not run."""
    for name in ("json", "base64", "zlib", "struct", "torch"):
        (home / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    assert host_facts(LocalTransport()).python


def test_a_workspace_that_is_not_there_yet(folder: Path) -> None:
    """The disk is told by the nearest folder above a root that has not been made."""
    facts = host_facts(LocalTransport(), str(folder / "not" / "yet"), torch=False)
    assert facts.disk_free > 0


def test_a_damaged_record_is_no_life(home: Path) -> None:
    """A machine whose record is damaged tells no boot id, rather than a wrong one."""
    (home / ".colabdev").mkdir()
    (home / ".colabdev" / "runtime.json").write_text("{")
    assert host_facts(LocalTransport(), torch=False).boot_id == ""
    (home / ".colabdev" / "runtime.json").write_text(json.dumps({"boot_id": "x"}))
    assert host_facts(LocalTransport(), torch=False).boot_id == "x"


TRUE = {
    "hostname": "vm",
    "boot_id": "",
    "python": "3.13.1",
    "platform": "Linux",
    "cpus": 2,
    "memory": 1,
    "disk_free": 1,
    "gpu": None,
}
HELLO = b"\0colabdev hostfacts 1\n"


def _facts(**changes: object) -> bytes:
    return HELLO + pack(b"f", json.dumps({**TRUE, **changes}).encode())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        HELLO,
        HELLO + pack(b"f", b"{}"),
        HELLO + pack(b"f", b"{"),
        HELLO + pack(b"f", b"\xff"),
        HELLO + pack(b"f", b"[" * 200_000),
        HELLO + b"f\xff\xff\xff\xff",
        HELLO + pack(b"E", b"[]"),
        HELLO + pack(b"E", b"[" * 200_000),
        _facts(memory=float("inf")),
        _facts(cpus=float("nan")),
        _facts(cpus="many"),
        _facts(gpu="none"),
        _facts(gpu={"name": "T4"}),
        b"noise" * 50_000,
    ],
)
def test_a_lying_machine(answer: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a machine answers instead of facts ends in our sentence."""
    (folder / "answer").write_bytes(answer)
    _program(folder, "python", f"cat '{folder}/answer'")
    monkeypatch.setenv("COLABDEV_PYTHON", str(folder / "python"))
    with pytest.raises(ProtocolError):
        host_facts(LocalTransport())


def test_a_true_answer_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer that the lies above were made from is a good one."""
    (folder / "answer").write_bytes(_facts())
    _program(folder, "python", f"cat '{folder}/answer'")
    monkeypatch.setenv("COLABDEV_PYTHON", str(folder / "python"))
    assert host_facts(LocalTransport()).python == "3.13.1"
