"""What checks compare with tells values apart by what matters first."""

import sys
import types
from collections.abc import Callable
from typing import Any  # answers of learners

import pytest
import torch

from colabdev.payload import toolkit
from colabdev.payload.toolkit import Bench, Failed, Learner, Task, difference, short

pytestmark = pytest.mark.torch

ROW = torch.tensor([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("got", "want", "problem"),
    [
        (ROW.T, ROW, toolkit.SHAPE),
        (ROW.reshape(2), ROW, toolkit.SHAPE),
        (torch.tensor(1.0), torch.tensor([1.0]), toolkit.SHAPE),
        (ROW.double(), ROW, toolkit.DTYPE),
        (ROW.int(), ROW, toolkit.DTYPE),
        (ROW.to("meta"), ROW, toolkit.DEVICE),
        (ROW, ROW.to("meta"), toolkit.DEVICE),
        (ROW + 1e-3, ROW, toolkit.VALUE),
        (torch.tensor(float("nan")), torch.tensor(1.0), toolkit.VALUE),
        ([1.0, 2.0], ROW, toolkit.TYPE),
        (None, ROW, toolkit.TYPE),
        (ROW, 3.0, toolkit.TYPE),
        (True, 1, toolkit.TYPE),
        (True, 1.0, toolkit.TYPE),
        ("1", 1.0, toolkit.TYPE),
        (1.1, 1.0, toolkit.VALUE),
        (2, 1, toolkit.VALUE),
        ((1,), [1], toolkit.TYPE),
        ([1, 2], [1], toolkit.LENGTH),
        ({"a": 1}, {"b": 1}, toolkit.KEYS),
        ({"a": [ROW, 1]}, {"a": [ROW, 2]}, toolkit.VALUE),
    ],
)
def test_what_differs_first(got: Any, want: Any, problem: tuple[str, str]) -> None:
    """Type and shape are told before dtype, dtype before device, device before values."""
    assert difference(got, want)["problem"] == problem


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (ROW.clone(), ROW),
        (ROW * (1 + 1e-7), ROW),
        (torch.nn.Parameter(ROW), ROW),
        (ROW.to("meta"), torch.zeros(1, 2, device="meta")),
        (torch.tensor(float("nan")), torch.tensor(float("nan"))),
        (torch.tensor([True]), torch.tensor([True])),
        (1, 1.0),
        (0.1 + 0.2, 0.3),
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
        ({"b": (1, None), "a": [ROW]}, {"a": [ROW], "b": (1, None)}),
    ],
)
def test_what_is_equal(got: Any, want: Any) -> None:
    """Rounding within the dtype's tolerance, and the order of keys, make no difference."""
    assert difference(got, want) == {}


def test_the_place_of_a_difference_is_named() -> None:
    """The way into nested containers is part of the answer."""
    found = difference({"x": [0, (1, ROW)]}, {"x": [0, (1, ROW + 1)]})
    assert found["detail"] == "['x'][1][1]"


def test_a_tensor_in_a_few_words() -> None:
    """Shape, dtype, device and some values; no values where there are none."""
    assert short(ROW) == "shape (1, 2), float32, cpu: 1 2"
    assert short(torch.arange(100)).endswith("9 10 11 ...")
    assert short(torch.zeros(3, device="meta")) == "shape (3,), float32, meta"
    assert short(torch.tensor(2.5, dtype=torch.bfloat16, requires_grad=True)).endswith(": 2.5")
    assert len(short(list(range(10_000)))) < 400
    assert len(short("x" * 10_000)) < 400


def test_a_value_that_cannot_be_shown_is_shown_all_the_same() -> None:
    """An object whose repr raises does not break the verdict on it."""

    class Mute:
        def __repr__(self) -> str:
            raise ValueError

    assert "Mute" in short(Mute())


def test_tensors_of_a_task_are_repeatable_whole_numbers() -> None:
    """The same seed gives the same whole numbers, another seed others."""
    one, same, other = (Task(seed, "cpu", "").tensor(3, 40) for seed in ("1:a", "1:a", "2:a"))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(one, one.round())
    assert one.abs().max() <= 9
    assert one.dtype == torch.float32
    assert Task("1:a", "cpu", "").tensor().shape == ()


def test_raises_wants_the_error_and_no_todo() -> None:
    """An error of the right kind satisfies; none, or a part not written yet, does not."""

    def unwritten() -> None:
        raise NotImplementedError

    task = Task("1", "cpu", __file__)
    task.raises(RuntimeError, lambda: torch.dot(ROW, ROW))
    with pytest.raises(Failed) as failed:
        task.raises(RuntimeError, lambda: 3)
    assert failed.value.found["got"] == "3"
    with pytest.raises(NotImplementedError):
        task.raises(RuntimeError, unwritten)
    with pytest.raises(ZeroDivisionError):
        task.raises(RuntimeError, lambda: 1 / 0)


def _attempt(check: Callable[[Any, Any], None], **names: Any) -> dict[str, Any]:
    module = types.ModuleType("learner")
    vars(module).update(names)
    return toolkit.attempt(check, Learner(module), Task("1", "cpu", "mine.py"))


def test_an_error_of_torch_is_no_todo() -> None:
    """torch raises NotImplementedError, too; only the learner's own means unfinished work."""
    task = Task("1", "cpu", __file__)
    task.raises(RuntimeError, lambda: torch.nn.ModuleList()(ROW))
    found = toolkit.attempt(
        lambda *_: torch.nn.ModuleList()(ROW), Learner(types.ModuleType("learner")), task
    )
    assert found["problem"] == toolkit.RAISED
    assert "NotImplementedError" in found["detail"]


def test_values_are_shown_from_the_first_difference_on() -> None:
    """Two long tensors that begin alike are shown where they part."""
    want = torch.arange(100.0).reshape(10, 10)
    got = want.clone()
    got[3, 3] = -1
    found = difference(got, want)
    assert found["expected"] == f"shape (10, 10), float32, cpu: ... {_numbers(33, 45)} ..."
    assert ": ... -1 34 35" in found["got"]


def _numbers(first: int, end: int) -> str:
    return " ".join(str(number) for number in range(first, end))


def test_a_result_that_breaks_the_check_is_the_learners_failure() -> None:
    """What the check cannot even use fails the task instead of ending the checker."""
    found = _attempt(lambda learner, t: t.equal(learner.f().shape, (2,)), f=lambda: None)
    assert found["outcome"] == "failed"
    assert found["problem"] == toolkit.UNUSABLE
    assert "NoneType" in found["detail"]


def test_nothing_watches_after_a_task() -> None:
    """The profiler that follows the learner's lines is gone when the task is over."""
    _attempt(lambda learner, _: learner.missing())
    assert sys.getprofile() is None


def test_timings_have_what_a_row_needs() -> None:
    """A timing is a positive median with its spread and count; rows go where they should."""
    rows: list[dict[str, Any]] = []
    bench = Bench(lambda kind, **fields: rows.append({"kind": kind, **fields}), "cpu")
    timing = bench.time(lambda: sum(range(1000)), seconds=0.02)
    assert timing.median > 0
    assert timing.iqr >= 0
    assert timing.replicates >= 1
    bench("case", "seconds", timing.median, unit="s")
    assert rows == [
        {
            "kind": "metric",
            "case": "case",
            "metric": "seconds",
            "value": timing.median,
            "unit": "s",
        }
    ]
    assert 0 < bench.left <= toolkit.BUDGET["cpu"]
    with pytest.raises(Failed):
        bench.true(False, "wrong")


def test_an_error_of_torchs_compiled_half_is_no_todo() -> None:
    """Where no frame of torch's is left, the learner's line tells a call from an unwritten part."""

    def check(_learner: Any, _task: Any) -> None:
        torch.bitwise_and(ROW, ROW)

    task = Task("1", "cpu", __file__)
    found = toolkit.attempt(check, Learner(types.ModuleType("learner")), task)
    assert found["problem"] == toolkit.RAISED
    assert "bitwise_and" in found["detail"]
