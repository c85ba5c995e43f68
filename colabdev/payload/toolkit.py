"""What the checks of an exercise have at hand, and how they come to a verdict.

A check is a function ``check_<task>(learner, t)``: *learner* is a `Learner`, *t* a `Task`. The
measurements of an exercise are one function ``measure(learner, emit, device)``, where *emit* is a
`Bench`. A sentence for the learner is a string or a pair (English, Korean).
"""

import linecache
import math
import random
import reprlib
import sys
import time
import traceback
import types
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn  # Any: learners' values, torch's, and JSON

Text = str | tuple[str, str]

BUDGET = {"cpu": 20.0, "cuda": 60.0}  # seconds for all the measurements of an exercise

SHAPE = ("The shape is not the expected one.", "모양(shape)이 다릅니다.")
DTYPE = ("The dtype is not the expected one.", "dtype이 다릅니다.")
DEVICE = ("The tensor is on another device.", "텐서가 다른 장치에 있습니다.")
TYPE = ("The type is not the expected one.", "자료형이 다릅니다.")
VALUE = ("The value is not the expected one.", "값이 다릅니다.")
LENGTH = ("The length is not the expected one.", "길이가 다릅니다.")
KEYS = ("The keys are not the expected ones.", "키가 다릅니다.")
COPY = ("This is not the very same object.", "같은 객체가 아닙니다.")
NO_ERROR = ("This call should raise an error.", "이 호출은 오류를 일으켜야 합니다.")
TODO = ("This is not written yet.", "아직 작성하지 않은 부분입니다.")
MISSING = ("Your file does not define this name.", "파일에 이 이름이 없습니다.")
UNUSABLE = ("The check cannot use what came back.", "돌려받은 값을 검사에 쓸 수 없습니다.")
UNREADABLE = ("Python cannot read the file.", "파이썬이 파일을 읽지 못합니다.")
RAISED = ("Your code raised an error.", "코드에서 오류가 났습니다.")
EXITED = ("Your code ended the program.", "코드가 프로그램을 끝냈습니다.")


class Failed(Exception):
    """A check is not met; *found* are fields of a verdict."""

    def __init__(self, **found: Any) -> None:
        super().__init__()
        self.found = found


class Skipped(Exception):
    """A check makes no sense on this machine."""


class Learner:
    """The names that the learner's file defines; asking for a missing one fails the task."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._module, name)
        except AttributeError:
            raise Failed(problem=MISSING, detail=name) from None


class Task:
    """What a check has at hand: seeded randomness, a *device*, comparisons that explain.

    *path* is the learner's file, as it was compiled; *line* the one of its lines on which a
    function of theirs returned last.
    """

    def __init__(self, seed: str, device: str, path: str) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.device = device
        self.path = path
        self.line = 0

    def tensor(self, *shape: int, device: str = "") -> Any:
        """Return random whole numbers from -9 to 9 as float32: their sums are exact."""
        import torch

        numbers = [float(self.random.randint(-9, 9)) for _ in range(math.prod(shape))]
        tensor = torch.tensor(numbers, dtype=torch.float32, device=device or self.device)
        return tensor.reshape(shape)

    def equal(self, got: Any, want: Any, why: Text = "") -> None:
        """Fail unless *got* equals *want*: in type, shape, dtype and device, then in value."""
        line = self.line  # comparing may call methods of the learner's
        if found := difference(got, want):
            raise Failed(**found, why=why, line=line)

    def same(self, got: Any, want: Any, why: Text = "") -> None:
        """Fail unless both are one object."""
        line = self.line
        if got is not want:
            raise Failed(problem=COPY, expected=short(want), got=short(got), why=why, line=line)

    def true(self, holds: bool, why: Text) -> None:
        """Fail unless *holds*; *why* says what should."""
        if not holds:
            raise Failed(problem=why, line=self.line)

    def raises(self, kinds: Any, call: Callable[[], Any], why: Text = "") -> None:
        """Fail unless *call* raises one of *kinds*. Code not written yet does not count."""
        try:
            got = call()
        except kinds as error:
            if _is_todo(error, self.path):
                raise
            return
        raise Failed(problem=NO_ERROR, got=short(got), why=why, line=self.line)

    def skip(self, why: Text) -> NoReturn:
        """Leave the task out on this machine."""
        raise Skipped(why)


class Timing(NamedTuple):
    """A measured time: median and interquartile range in seconds, over *replicates*."""

    median: float
    iqr: float
    replicates: int


class Bench:
    """Where measurements go: call it for each row; *left* are the seconds of its budget."""

    def __init__(self, send: Callable[..., None], device: str) -> None:
        self.device = device
        self._send = send
        self._end = time.monotonic() + BUDGET[device]

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    def __call__(self, case: str, metric: str, value: float | None = None, **more: Any) -> None:
        """Report *value*, or None with *skipped* saying why there is none.

        *more* are fields of a metric row: unit, better, device, dtype, replicates, iqr, skipped.
        """
        self._send("metric", case=case, metric=metric, value=value, **more)

    def true(self, holds: bool, why: Text) -> None:
        """Fail unless *holds*: what is measured must be right."""
        if not holds:
            raise Failed(problem=why)

    def time(self, call: Callable[[], Any], seconds: float = 0.2) -> Timing:
        """Time *call* for about *seconds*: warmed up, synchronized, on all of torch's threads."""
        import torch
        from torch.utils.benchmark import Timer

        timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
        measured = timer.blocked_autorange(min_run_time=seconds)
        return Timing(measured.median, measured.iqr, len(measured.times))


def attempt(check: Callable[[Any, Any], None], learner: Learner, task: Task) -> dict[str, Any]:
    """Run one check and return its verdict."""

    def watch(frame: types.FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code.co_filename == task.path:
            task.line = frame.f_lineno

    sys.setprofile(watch)
    try:
        check(learner, task)
        _synchronize(task.device)
    except BaseException as error:  # a learner's code may raise anything
        return explain(error, task.path, task.line)
    finally:
        sys.setprofile(None)
    return {"outcome": "passed"}


def measure(
    measurements: Callable[[Any, Any, str], None], learner: Learner, bench: Bench, path: str
) -> dict[str, Any]:
    """Run the measurements and return a verdict; nothing watches them, which would slow them."""
    try:
        measurements(learner, bench, bench.device)
    except BaseException as error:  # a learner's code may raise anything
        return explain(error, path)
    return {"outcome": "passed"}


def _synchronize(device: str) -> None:
    """Wait for the GPU, whose errors come late."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def explain(error: BaseException, path: str, returned: int = 0) -> dict[str, Any]:
    """Return the verdict that *error* means, with the last line of *path* that it went through.

    When it went through none, the line on which the code *returned* last is the one to look at.
    """
    if isinstance(error, Failed):
        return {"outcome": "failed", **error.found}
    if isinstance(error, Skipped):
        return {"outcome": "skipped", "why": error.args[0]}
    line = next((number for file, number in reversed(_trace(error)) if file == path), 0)
    if _is_todo(error, path):
        return {"outcome": "failed", "problem": TODO, "line": line}
    detail = clip(traceback.format_exception_only(type(error), error)[-1].strip())
    if isinstance(error, SyntaxError) and not line:  # the file itself: nothing of it has run
        found = {"outcome": "error", "problem": UNREADABLE, "line": error.lineno or 0}
    elif isinstance(error, SystemExit):
        found = {"outcome": "error", "problem": EXITED, "line": line}
    elif line:
        found = {"outcome": "error", "problem": RAISED, "line": line}
    else:  # the author check proves that right answers never end here
        found = {"outcome": "failed", "problem": UNUSABLE, "line": returned}
    return {**found, "detail": detail}


def _is_todo(error: BaseException, path: str) -> bool:
    """Tell the learner's own NotImplementedError from those that torch raises.

    torch's compiled half leaves no frame of its own: the line itself must raise the error.
    """
    file, line = _trace(error)[-1] if isinstance(error, NotImplementedError) else ("", 0)
    return file == path and "NotImplementedError" in linecache.getline(file, line)


def _trace(error: BaseException) -> list[tuple[str, int]]:
    """Return the file and line of each call that *error* went through, the innermost last."""
    frames = traceback.walk_tb(error.__traceback__)
    return [(frame.f_code.co_filename, line) for frame, line in frames]


def difference(got: Any, want: Any, where: str = "") -> dict[str, Any]:
    """Return the first thing that tells *got* from *want* as fields of a verdict, or nothing."""

    def found(problem: Text, start: int = 0) -> dict[str, Any]:
        values = {"expected": short(want, start), "got": short(got, start)}
        return {"problem": problem, "detail": where, **values}

    torch = sys.modules.get("torch")
    if torch and isinstance(want, torch.Tensor):
        if not isinstance(got, torch.Tensor):
            return found(TYPE)
        for problem, name in ((SHAPE, "shape"), (DTYPE, "dtype"), (DEVICE, "device")):
            if getattr(got, name) != getattr(want, name):
                return found(problem)
        if want.is_meta or (at := _unequal_at(got, want)) is None:
            return {}
        return found(VALUE, at)
    if isinstance(want, float) and isinstance(got, (int, float)) and not isinstance(got, bool):
        close = math.isclose(got, want, rel_tol=1e-6, abs_tol=1e-9)
        return {} if close or (got != got and want != want) else found(VALUE)
    if type(got) is not type(want):
        return found(TYPE)
    if isinstance(want, dict):
        if got.keys() != want.keys():
            return found(KEYS)
        parts = [(f"{where}[{short(key)}]", got[key], want[key]) for key in want]
    elif isinstance(want, (list, tuple)):
        if len(got) != len(want):
            return found(LENGTH)
        parts = [(f"{where}[{at}]", *pair) for at, pair in enumerate(zip(got, want, strict=True))]
    else:
        return {} if got == want else found(VALUE)
    return next((inner for at, one, other in parts if (inner := difference(one, other, at))), {})


def _unequal_at(got: Any, want: Any) -> int | None:
    """Compare by the tolerance of the dtype; return where they differ in reading order."""
    import torch

    got, want = got.detach().cpu(), want.detach().cpu()  # which waits for the GPU, too
    try:
        torch.testing.assert_close(got, want, equal_nan=True)
    except AssertionError:
        rounded = got.is_floating_point()
        wrong = ~torch.isclose(got, want, equal_nan=True) if rounded else got != want
        return next(iter(wrong.flatten().nonzero().flatten().tolist()), 0)
    return None


def short(value: object, start: int = 0) -> str:
    """Describe *value* in a few words: of a tensor its kind, and values from number *start* on."""
    torch = sys.modules.get("torch")
    if not torch or not isinstance(value, torch.Tensor):
        return clip(_REPR.repr(value))
    head = f"shape {tuple(value.shape)}, {str(value.dtype)[6:]}, {value.device}"
    if value.is_meta:
        return head
    numbers = value.detach().flatten()[start : start + 12].tolist()
    shown = [f"{each:.6g}" if isinstance(each, float) else str(each) for each in numbers]
    before, after = start > 0, start + len(numbers) < value.numel()
    return f"{head}: {' '.join(['...'] * before + shown + ['...'] * after)}"


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 120


def clip(text: str, size: int = 300) -> str:
    """Return *text*, cut to *size* characters."""
    return text if len(text) <= size else f"{text[:size]}..."
