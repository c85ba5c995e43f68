"""A check that a warm process does ends as one that a fresh process does, only sooner."""

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import psutil
import pytest

from colabdev.exercises import warm
from colabdev.payload import checker

pytestmark = pytest.mark.skipif(not warm.SUPPORTED, reason="there is no safe fork here")

CHECK = '''
LIMIT = %d

def check_answer(learner, t):
    """answer() is 42."""
    t.equal(learner.answer(), 42)

def check_later(learner, t):
    """later() is 1."""
    t.equal(learner.later(), 1)
'''
LATER = "def later():\n    return 1\n"


@pytest.fixture(autouse=True)
def cool(home: Path) -> Iterator[None]:
    """End the warm checker of the test."""
    yield
    warm.stop()


def _examine(
    folder: Path, source: str, start: checker.Start | None, limit: int = 60
) -> list[checker.Verdict]:
    (folder / "mine.py").write_text(source)
    (folder / "check.py").write_text(CHECK % limit)
    order = checker.Order(str(folder / "mine.py"), str(folder / "check.py"), "mine", seed=1)
    return [each for each in checker.examine(order, start) if isinstance(each, checker.Verdict)]


def _server() -> psutil.Process:
    """Return the process of the warm checker that this test started."""
    home = os.environ["HOME"]
    for process in psutil.process_iter():
        try:
            if "warm.py" in " ".join(process.cmdline()) and process.environ()["HOME"] == home:
                return process
        except (psutil.Error, KeyError):
            continue
    raise AssertionError("no warm checker runs")


ENDS = [
    f"def answer():\n    return 42\n{LATER}",
    f"def answer():\n    print('hi')\n    return 41\n{LATER}",
    f"def answer():\n    raise KeyError('k')\n{LATER}",
    "def answer(:\n",
    f"import sys\ndef answer():\n    sys.exit(3)\n{LATER}",
    f"import os\ndef answer():\n    os._exit(3)\n{LATER}",
    f"import ctypes\ndef answer():\n    ctypes.string_at(0)\n{LATER}",
    f"import os, signal\ndef answer():\n    os.kill(os.getpid(), signal.SIGKILL)\n{LATER}",
    f"import os, signal\ndef answer():\n    os.killpg(0, signal.SIGKILL)\n{LATER}",
    f"def answer():\n    return input()\n{LATER}",
    f"import os\nos.close(1)\ndef answer():\n    return 42\n{LATER}",
    f"import os\nassert 'COLABDEV_REPORT' not in os.environ\n{LATER}",
]


def test_every_end_is_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdict, problem, line, and what was printed are those of a fresh process."""
    monkeypatch.setenv("COLABDEV_REPORT", str(folder / "rows"))
    for source in ENDS:
        group = "killpg" in source  # a fresh process shares its group with this very test
        fresh = None if group else _examine(folder, source, None)
        forked = _examine(folder, source, warm.start)
        if fresh is None:
            assert [each.detail for each in forked] == ["SIGKILL", ""], forked
        else:
            assert forked == fresh, source


def test_an_endless_loop_and_a_flood_end_in_time(folder: Path) -> None:
    """The alarm of a forked process rings as that of a fresh one does, with the line."""
    source = f"def answer():\n    while True: print('x' * 999)\n{LATER}"
    endless, later = _examine(folder, source, warm.start, limit=1)
    assert (endless.problem, endless.line) == (checker.ENDLESS, 2)
    assert "bytes ...]" in endless.printed
    assert later.outcome == "passed"


def test_one_process_serves_all_and_nothing_carries_over(folder: Path) -> None:
    """The server stays the same; what one check's code leaves behind, the next does not see."""
    source = (
        "import builtins, os, random, sys\n"
        "seen = getattr(builtins, 'left', 0), os.environ.get('LEFT', '')\n"
        "builtins.left = 1\nos.environ['LEFT'] = 'x'\nos.chdir('/')\n"
        f"def answer():\n    return 42 if seen == (0, '') else seen\n{LATER}"
    )
    servers = set()
    for _ in range(3):
        assert [each.outcome for each in _examine(folder, source, warm.start)] == ["passed"] * 2
        servers.add(_server().pid)
    assert len(servers) == 1


def test_each_check_has_the_environment_of_its_caller(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables and the current folder are those of now, and not those of the first check."""
    source = (
        "import os\nhere, word = os.getcwd(), os.environ.get('WORD')\n"
        f"def answer():\n    return (here, word)\n{LATER}"
    )
    for number in (1, 2):
        place = folder / str(number)
        place.mkdir()
        monkeypatch.chdir(place)
        monkeypatch.setenv("WORD", f"w{number}")
        got = _examine(folder, source, warm.start)[0].got
        assert f"{str(number)!r}"[1:-1] in got
        assert f"w{number}" in got


@pytest.mark.torch
def test_torch_is_loaded_already_and_no_gpu_touched(folder: Path) -> None:
    """The code finds torch in its process before it imports anything."""
    source = (
        "import sys\nknown = 'torch' in sys.modules\nimport torch\n"
        f"def answer():\n    return 42 if known else 0\n{LATER}"
        "assert not torch.cuda.is_initialized()\n"
    )
    assert [each.outcome for each in _examine(folder, source, warm.start)] == ["passed"] * 2
    assert [each.outcome for each in _examine(folder, source, None)] == ["failed", "passed"]


GPU_IN_A_FORK = """
import sys, torch
forked = sys.argv[0].endswith("warm.py")
torch.cuda.is_available = lambda: forked
"""


@pytest.mark.torch
def test_what_would_use_a_gpu_gets_a_fresh_process(folder: Path) -> None:
    """A forked process that finds a GPU leaves the check to one that was not forked."""
    source = f"import sys\ndef answer():\n    return sys.argv[0][-8:]\n{LATER}"
    assert [each.got for each in _examine(folder, source, warm.start)] == ["'/warm.py'", ""]
    (folder / "check.py").write_text(GPU_IN_A_FORK + CHECK % 60)
    order = checker.Order(str(folder / "mine.py"), str(folder / "check.py"), "mine", seed=1)
    facts, first, _ = checker.examine(order, warm.start)
    assert isinstance(facts, checker.Facts)
    assert facts.device == "cpu"
    assert isinstance(first, checker.Verdict)
    assert first.got == "'tasks.py'"


def test_nobody_else_can_ask_it(folder: Path) -> None:
    """The socket lies in a folder that only its owner may enter."""
    _examine(folder, LATER, warm.start)
    place = Path(platformdirs.user_cache_dir("colabdev")) / "warm"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert any(stat.S_ISSOCK(file.stat().st_mode) for file in place.iterdir())


def test_what_is_no_request_does_not_end_it(folder: Path) -> None:
    """Garbage, and a caller that goes away at once, cost the server nothing."""
    _examine(folder, LATER, warm.start)
    server = _server().pid
    place = Path(platformdirs.user_cache_dir("colabdev")) / "warm"
    (path,) = [file for file in place.iterdir() if stat.S_ISSOCK(file.stat().st_mode)]
    for words in (b"", b"x", b"fork", b"fork\0\0\0\1x", b"fork\xff\xff\xff\xff", b"\0" * 99):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))
            caller.sendall(words)
    assert [each.outcome for each in _examine(folder, LATER, warm.start)] == ["failed", "passed"]
    assert _server().pid == server


def test_one_that_was_killed_is_replaced(folder: Path) -> None:
    """A socket that nobody listens at is taken away, and the next check is served."""
    _examine(folder, LATER, warm.start)
    killed = _server()
    killed.send_signal(signal.SIGKILL)
    psutil.wait_procs([killed], timeout=30)
    assert [each.outcome for each in _examine(folder, LATER, warm.start)] == ["failed", "passed"]
    assert _server().pid != killed.pid


def test_code_that_kills_it_is_judged(folder: Path) -> None:
    """Learners' code that ends the server itself gets a verdict, and so does the next check."""
    source = f"import os\ndef answer():\n    os.kill(os.getppid(), 9)\n    return 42\n{LATER}"
    verdicts = _examine(folder, source, warm.start)
    assert verdicts[0].task == "answer"
    assert [each.outcome for each in _examine(folder, LATER, warm.start)] == ["failed", "passed"]


def test_it_ends_when_nothing_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its idle time it is gone, with its socket."""
    monkeypatch.setattr(warm, "IDLE", 0.5)  # ten minutes are too long for a test
    _examine(folder, LATER, warm.start)
    psutil.wait_procs([_server()], timeout=60)
    place = Path(platformdirs.user_cache_dir("colabdev")) / "warm"
    assert not [file for file in place.iterdir() if stat.S_ISSOCK(file.stat().st_mode)]


def test_where_no_socket_fits_a_fresh_process_checks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path too long for a socket, or a place where none can be, is no failure."""
    deep = folder / ("d" * 90)
    monkeypatch.setenv("XDG_CACHE_HOME", str(deep))
    assert [each.outcome for each in _examine(folder, LATER, warm.start)] == ["failed", "passed"]
    (folder / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "file"))
    assert [each.outcome for each in _examine(folder, LATER, warm.start)] == ["failed", "passed"]
