"""The checker tells every way in which a learner's code can end from every other."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from tests.support.checks import MINI_COURSE, Checked, interrupt, run_checker, start_checker

CHECK = '''
LIMIT = %d

def check_double(learner, t):
    """double(x) is twice x.

    double(x)는 x의 두 배입니다.
    """
    for _ in range(3):
        x = t.random.randint(1, 10**6)
        t.equal(learner.double(x), 2 * x, ("Add x to x.", "x에 x를 더하세요."))

def check_pair(learner, t):
    """pair() is a list."""
    t.equal(learner.pair(), [1, {"a": 2.0}])
'''
RIGHT = "def double(x):\n    return 2 * x\n\ndef pair():\n    return [1, {'a': 2.0}]\n"


def _check(
    folder: Path, source: str, *words: str, name: str = "mine.py", limit: int = 60
) -> Checked:
    """Check *source*; only what never ends should meet the *limit* of a task, in seconds."""
    (folder / name).write_text(source, encoding="utf-8")
    (folder / "check.py").write_text(CHECK % limit, encoding="utf-8")
    return run_checker(folder, folder / name, folder / "check.py", *words)


def _mini(folder: Path, tree: str, slug: str, *words: str) -> Checked:
    files = (MINI_COURSE / tree / f"{slug}.py", MINI_COURSE / "checks" / f"{slug}.py")
    return run_checker(folder, *files, *words)


@pytest.mark.parametrize(
    ("slug", "outcome", "said"),
    [
        ("wrong-value", "failed", "The value is not the expected one."),
        ("raises-error", "error", "Your code raised an error: IndexError: list index out of range"),
        ("never-ends", "error", "Your code did not finish in time"),
        ("calls-exit", "error", "Your code ended the program: SystemExit: 0"),
        ("needs-gpu", "skipped", "why: This needs a GPU."),
        ("measured", "failed", "This is not written yet."),
    ],
)
def test_each_way_to_end_has_its_own_outcome(
    folder: Path, slug: str, outcome: str, said: str
) -> None:
    """A starter of the mini-course ends as its name says, in words, in rows and in the code."""
    checked = _mini(folder, "exercises", slug, "--device", "cpu")
    assert checked.code == 1
    assert said in checked.output
    assert checked.rows[-1]["kind"] == "done"
    assert checked.rows[-1]["outcome"] == outcome
    assert checked.output.splitlines()[-1].startswith(f"{outcome.upper():8} {slug}")


@pytest.mark.parametrize(
    "slug", ["wrong-value", "raises-error", "never-ends", "calls-exit", "measured"]
)
def test_a_solution_passes(folder: Path, slug: str) -> None:
    """The right code gives exit code 0 and a passed check for each task."""
    checked = _mini(folder, "solutions", slug)
    assert checked.code == 0
    assert checked.rows[-1]["outcome"] == "passed"
    assert all(row["passed"] for row in checked.of_kind("check"))


def test_the_rows_are_in_order_and_whole(folder: Path) -> None:
    """The env row comes first, then checks, then metrics, done last, each with its fields."""
    checked = _mini(folder, "solutions", "measured", "--measure", "--seed", "7", "--slug", "it")
    kinds = [row["kind"] for row in checked.rows]
    assert kinds == ["env", "check", "metric", "metric", "metric", "check", "done"]
    assert all(row["v"] == 1 for row in checked.rows)
    env, seconds, odd, skipped, done = (checked.rows[at] for at in (0, 2, 3, 4, 6))
    assert env["exercise"] == "it"
    assert env["seed"] == 7
    assert {"python", "platform", "cpus", "device"} <= env.keys()
    assert (seconds["exercise"], seconds["case"], seconds["metric"]) == ("it", "sum-1m", "seconds")
    assert seconds["value"] > 0
    assert odd["value"] == "nan"
    assert skipped["skipped"] == "no cuda"
    assert "value" not in skipped
    assert (done["outcome"], done["passed"], done["tasks"]) == ("passed", 2, 2)
    assert "1x skipped: no cuda" in checked.output


def test_measurements_wait_for_the_checks(folder: Path) -> None:
    """What is not right is not measured."""
    assert not _mini(folder, "exercises", "measured", "--measure").of_kind("metric")


def test_a_wrong_measurement_does_not_pass(folder: Path) -> None:
    """Code that is right for the checks and wrong while it is measured fails."""
    source = "def total(n):\n    return n * (n - 1) // 2 if n < 100 else 0\n"
    (folder / "mine.py").write_text(source)
    check = MINI_COURSE / "checks" / "measured.py"
    checked = run_checker(folder, folder / "mine.py", check, "--measure")
    assert checked.code == 1
    assert "FAILED   measure" in checked.output
    assert "The large sum is wrong." in checked.output


def test_a_failure_shows_what_helps_and_no_frame_of_ours(folder: Path) -> None:
    """Expected, got, the line that returned, the reason, and the seed; no traceback."""
    source = (
        "import math\ndef double(x):\n    y = x + 1\n    return y\ndef pair():\n    return 1/0\n"
    )
    checked = _check(folder, source, "--seed", "11")
    assert "got: " in checked.output
    assert "expected: " in checked.output
    assert "your line: mine.py:4: return y" in checked.output
    assert "your line: mine.py:6: return 1/0" in checked.output
    assert "why: Add x to x." in checked.output
    assert "--seed 11" in checked.output
    for ours in ("Traceback", "toolkit.py", "tasks.py", "checker.py"):
        assert ours not in checked.output


def test_where_a_nested_value_differs(folder: Path) -> None:
    """The path into a nested answer is named, with the two values that differ there."""
    checked = _check(folder, RIGHT.replace("2.0", "2.5"))
    assert "The value is not the expected one: [1]['a']" in checked.output
    assert "expected: 2.0" in checked.output
    assert "got: 2.5" in checked.output


def test_a_seed_repeats_the_numbers(folder: Path) -> None:
    """The same seed gives the same output; other seeds give other numbers."""
    wrong = RIGHT.replace("2 * x", "x")
    outputs = [_check(folder, wrong, "--seed", seed).output for seed in ("1", "1", "2", "3")]
    lines = [[line for line in output.splitlines() if "expected" in line] for output in outputs]
    assert lines[0] == lines[1]
    assert len({tuple(line) for line in lines}) == 3


def test_korean(folder: Path) -> None:
    """With --lang ko, titles, problems, reasons and labels are Korean."""
    checked = _check(folder, RIGHT.replace("2 * x", "x"), "--lang", "ko")
    for said in (
        "double(x)는 x의 두 배입니다.",
        "값이 다릅니다.",
        "받은 값: ",
        "x에 x를 더하세요.",
    ):
        assert said in checked.output


@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        ("def double(x)\n    return 2\n", "SyntaxError: expected ':'", ":1: def double(x)"),
        ("def f():\n\tx = 1\n        y = 2\n", "TabError", ":3: y = 2"),
        ("x = 1\n1 / 0\n", "ZeroDivisionError", ":2: 1 / 0"),
        ("import sys\nsys.exit('bye')\n", "Your code ended the program: SystemExit: bye", ":2: "),
        ("import os\nos._exit(0)\n", "Your code ended its whole process: exit code 0", ""),
        ("x = 0\nwhile True:\n    x += 1\n", "Your code did not finish in time", "mine.py:"),
        ("import ctypes\nctypes.string_at(0)\n", "ended its whole process: SIG", ":2: "),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "process: SIGKILL", ""),
        ("class Odd(BaseException): pass\nraise Odd\n", "Odd", ":2: raise Odd"),
        ("x = '\0'\n", "null byte", ""),
    ],
    ids=["syntax", "tab", "error", "exit", "_exit", "loop", "crash", "killed", "odd", "null"],
)
def test_a_file_that_cannot_be_imported(folder: Path, source: str, said: str, line: str) -> None:
    """What goes wrong while the file is imported is one error with its line, whatever it is."""
    checked = _check(folder, source, limit=1 if "while" in source else 60)
    assert checked.code == 1
    assert "ERROR    import" in checked.output
    assert said in checked.output
    assert line in checked.output
    assert [row["name"] for row in checked.of_kind("check")] == ["import"]


def test_an_emptied_file_fails_each_task(folder: Path) -> None:
    """A file without the names fails, and says which one is missing."""
    checked = _check(folder, "# nothing left\n")
    assert [row["passed"] for row in checked.of_kind("check")] == [False, False]
    assert "Your file does not define this name: double" in checked.output


def test_prints_are_shown_apart_and_kept_when_time_runs_out(folder: Path) -> None:
    """What the code printed stands below its task's verdict, marked as such."""
    source = "def double(x):\n    print('안녕', x)\n    while True: pass\ndef pair():\n    pass\n"
    output = _check(folder, source, limit=1).output.splitlines()
    at = next(at for at, line in enumerate(output) if line.startswith("ERROR    double"))
    pair = next(at for at, line in enumerate(output) if line.startswith("FAILED   pair"))
    told = [line for line in output[at:pair] if "| 안녕" in line]
    assert len(told) == 1


def test_a_flood_of_output_is_cut(folder: Path) -> None:
    """A loop that prints without end costs neither memory nor the reader's patience."""
    source = "def double(x):\n    while True: print('y' * 999)\ndef pair():\n    return 'ok'\n"
    checked = _check(folder, source, limit=1)
    assert "bytes ...]" in checked.output
    assert len(checked.output) < 100_000
    assert "did not finish in time" in checked.output


def test_output_that_is_no_text(folder: Path) -> None:
    """Bytes that are no UTF-8, and zero bytes, confuse nobody."""
    source = f"import os\nos.write(1, b'\\xff\\x00 mark\\n')\n{RIGHT}"
    checked = _check(folder, source)
    assert checked.code == 0
    assert "mark" in checked.output


def test_streams_that_the_code_closes_do_not_matter(folder: Path) -> None:
    """Code that closes or replaces stdout is judged all the same."""
    source = f"import os, sys\nsys.stdout = None\nos.close(1)\n{RIGHT}"
    assert _check(folder, source).code == 0


def test_threads_that_the_code_leaves_do_not_hold_it(folder: Path) -> None:
    """A thread that never ends does not keep the checker."""
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(999,)).start()\n"
    assert _check(folder, thread + RIGHT).code == 0


def test_a_process_that_the_code_leaves_does_not_hold_it(folder: Path) -> None:
    """A process that goes on with our pipe open does not keep the checker."""
    left = folder / "pid"
    source = (
        "import pathlib, subprocess\nchild = subprocess.Popen(['sleep', '999'])\n"
        f"pathlib.Path({str(left)!r}).write_text(str(child.pid))\n"
    )
    try:
        assert _check(folder, source + RIGHT).code == 0
    finally:
        os.kill(int(left.read_text()), signal.SIGKILL)


def test_code_that_needs_input_is_told_there_is_none(folder: Path) -> None:
    """input() ends at once instead of waiting."""
    assert "EOFError" in _check(folder, f"x = input()\n{RIGHT}").output


def test_a_name_with_blanks_and_korean(folder: Path) -> None:
    """The file may be called anything, in a hang as well."""
    source = "def double(x):\n    while True: pass\ndef pair():\n    pass\n"
    checked = _check(folder, source, name="내 풀이 (1).py", limit=1)
    assert "your line: 내 풀이 (1).py:2: while True: pass" in checked.output


def test_rows_of_the_learner_are_not_ours(folder: Path) -> None:
    """Code that reports metrics itself adds nothing to the exercise's rows."""
    source = f"import colabdev_report\ncolabdev_report.metric('mine', 1)\n{RIGHT}"
    assert not _check(folder, source).of_kind("metric")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--exercise", "nowhere.py", "--check", "nowhere.py"], "there is no file"),
        (["--exercise", "mine.py"], "--check"),
        (["--seed", "x", "--exercise", "mine.py", "--check", "mine.py"], "--seed"),
    ],
)
def test_bad_usage_is_2(folder: Path, words: list[str], said: str) -> None:
    """Words that make no sense end with 2."""
    child = start_checker(folder, folder / "mine.py", folder / "check.py", *words)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 2
    assert said in output or "there is no file" in output


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("", "holds no check"),
        ("def check_(:\n", "SyntaxError"),
        ("import no_such_package\n", "no_such_package"),
        ("raise RuntimeError('mine')\n", "mine"),
    ],
)
def test_a_failure_of_ours_is_70(folder: Path, check: str, said: str) -> None:
    """A broken check file is no fault of the learner's, and says so."""
    (folder / "mine.py").write_text(RIGHT)
    (folder / "check.py").write_text(check)
    checked = run_checker(folder, folder / "mine.py", folder / "check.py")
    assert checked.code == 70
    assert said in checked.output
    assert checked.rows[-1]["outcome"] == "broken"


def test_ctrl_c_ends_it_without_a_traceback(folder: Path) -> None:
    """SIGINT to the group ends the checker and the learner's code with 130."""
    (folder / "mine.py").write_text("import time\nprint('in it', flush=True)\ntime.sleep(999)\n")
    (folder / "check.py").write_text(CHECK % 600)
    child = start_checker(folder, folder / "mine.py", folder / "check.py")
    assert child.stdout is not None
    with contextlib.closing(child.stdout):
        assert "mine: device cpu" in child.stdout.readline()
        interrupt(child)
        assert "Traceback" not in child.stdout.read()
    assert child.wait() == 130
