"""The checks of our course let right answers pass and stop the wrong ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any  # a verdict is a mapping of anything

import pytest

from colabdev.exercises.course import Course
from colabdev.payload import checker, tasks, toolkit
from tests.support.checks import Checked, run_checker

pytestmark = pytest.mark.torch

COURSE = Course.load()


def _verdicts(slug: str, file: Path, seed: str = "1") -> Iterator[tuple[str, dict[str, Any]]]:
    """Check *file* in this very process, which is quick, and yield the verdict on each task."""
    checks = tasks.checks(tasks.load(str(COURSE.exercise(slug).check), "check_of_a_test"))
    learner = toolkit.Learner(tasks.load(str(file), "learner_of_a_test"))
    for name, check in checks.items():
        task = toolkit.Task(f"{seed}:{name}", "cpu", str(file))
        yield name, toolkit.attempt(check, learner, task)


def _mutated(folder: Path, slug: str, old: str, new: str) -> Path:
    source = COURSE.exercise(slug).solution.read_text(encoding="utf-8")
    assert source.count(old) >= 1, f"the solution has no {old!r}"
    file = folder / f"{slug}.py"
    file.write_text(source.replace(old, new), encoding="utf-8")
    return file


@pytest.mark.parametrize("slug", [exercise.slug for exercise in COURSE.exercises])
def test_a_solution_passes_whatever_the_numbers(slug: str) -> None:
    """The random inputs never fail a right answer."""
    for seed in range(10):
        for task, verdict in _verdicts(slug, COURSE.exercise(slug).solution, str(seed)):
            assert verdict["outcome"] == "passed", (task, seed, verdict)


MUTANTS = [
    ("dot-mm-matmul", "torch.dot(a, b)", "(a * b).sum()", "inner_refuses"),
    ("dot-mm-matmul", "torch.dot(a, b)", "(a @ b).reshape(1)", "inner"),
    ("dot-mm-matmul", "torch.dot(a, b)", "torch.tensor(11.0)", "inner"),
    ("dot-mm-matmul", "torch.dot(a, b)", "float(torch.dot(a, b))", "inner"),
    ("dot-mm-matmul", "torch.dot(a, b)", "torch.dot(a, b).float()", "inner"),
    ("dot-mm-matmul", "a[:, None] * b[None, :]", "b[:, None] * a[None, :]", "outer"),
    ("dot-mm-matmul", "a[:, None] * b[None, :]", "a[:, None] + b[None, :]", "outer"),
    ("dot-mm-matmul", "a[:, None] * b[None, :]", "a * b", "outer"),
    ("dot-mm-matmul", "return W @ x", "return torch.mm(W, x)", "batch_apply_broadcasts"),
    ("dot-mm-matmul", "return W @ x", "return torch.bmm(W, x)", "batch_apply"),
    ("dot-mm-matmul", "return W @ x", "return W * x", "batch_apply"),
    ("dot-mm-matmul", "return W @ x", "return (x.mT @ W.mT)", "batch_apply"),
    ("dot-mm-matmul", "return W @ x", "return torch.zeros(2, 4)", "batch_apply"),
    ("device-move", "torch.cuda.is_available()", "torch.cuda.is_available", "pick_device"),
    ("device-move", "torch.cuda.is_available()", "True", "pick_device"),
    ("device-move", "torch.cuda.is_available()", "False", "pick_device_asks"),
    ("device-move", 'torch.device("cuda" if', '("cuda" if', "pick_device"),
    ("device-move", "return batch.to(device)", "return batch.cuda()", "move_tensor"),
    ("device-move", "return batch.to(device)", "return batch", "move_tensor"),
    ("device-move", "return batch.to(device)", "return batch.to(device, copy=True)", "move_tensor"),
    ("device-move", "batch.to(device)", "batch.detach().to(device)", "move_keeps_the_graph"),
    ("device-move", "batch.to(device)", "batch.float().to(device)", "move_nested"),
    ("device-move", "return [move(item, device)", "return [item", "move_nested"),
    ("device-move", "return tuple(", "return list(", "move_nested"),
    ("device-move", "move(value, device) for", "value for", "move_nested"),
    (
        "device-move",
        "return {key: move(value, device) for key, value in batch.items()}",
        "batch.update({k: move(v, device) for k, v in batch.items()}); return batch",
        "move_changes_nothing",
    ),
    ("tiny-autograd", "flow.get(source, 0.0) + flow", "flow", "reuse"),
    ("tiny-autograd", "node.grad += flow[node]", "node.grad = flow[node]", "reuse"),
    (
        "tiny-autograd",
        "(self, other.data), (other, self.data)",
        "(self, 1.0), (other, 1.0)",
        "note",
    ),
    ("tiny-autograd", "exponent * self.data", "self.data", "note"),
    ("tiny-autograd", "if self.data > 0", "if self.data >= 0", "relu_and_power"),
    ("tiny-autograd", "max(self.data, 0.0)", "self.data", "forward"),
    ("tiny-autograd", "    __radd__ = __add__\n", "", "forward"),
    ("tiny-autograd", "((self, 1.0), (other, 1.0))", "((self, 1.0),)", "note"),
    ("tiny-autograd", "reversed(_inputs_first(self))", "_inputs_first(self)", "note"),
    ("tiny-autograd", "flow = {self: 1.0}", "flow = {self: self.data}", "note"),
    ("tiny-autograd", "stack.pop()", "stack.pop(0)", "random_expressions"),
]


@pytest.mark.parametrize(("slug", "old", "new", "task"), MUTANTS)
def test_a_wrong_answer_fails(folder: Path, slug: str, old: str, new: str, task: str) -> None:
    """Each of these mistakes is found, at the latest by the task that is about it."""
    verdicts = dict(_verdicts(slug, _mutated(folder, slug, old, new)))
    assert verdicts[task]["outcome"] in ("failed", "error"), verdicts


RECURSIVE = """
def _inputs_first(end):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for source, _ in node.edges:
                visit(source)
            order.append(node)

    visit(end)
    return order
"""


@pytest.mark.parametrize(
    ("first", "said"),
    [("", "RecursionError"), ("import sys\nsys.setrecursionlimit(10**6)\n", "recursion limit")],
    ids=["recursion", "a raised limit"],
)
def test_recursion_does_not_reach_the_end_of_a_deep_chain(
    folder: Path, first: str, said: str
) -> None:
    """A recursive backward fails on the deep chain alone, also where the limit was raised."""
    file = _mutated(
        folder, "tiny-autograd", 'if __name__ == "__main__":', f"{RECURSIVE}\nif False:"
    )
    file.write_text(first + file.read_text(encoding="utf-8"), encoding="utf-8")
    check = COURSE.exercise("tiny-autograd").check
    order = checker.Order(str(file), str(check), "tiny-autograd", seed=1)
    verdicts = [each for each in checker.examine(order) if isinstance(each, checker.Verdict)]
    wrong = [verdict for verdict in verdicts if verdict.outcome != "passed"]
    assert [verdict.task for verdict in wrong] == ["deep_chain"]
    assert said in f"{wrong[0].detail} {wrong[0].why}"


@pytest.mark.parametrize("slug", [exercise.slug for exercise in COURSE.exercises])
def test_an_emptied_answer_fails_everything(folder: Path, slug: str) -> None:
    """Nothing passes by default."""
    file = folder / "mine.py"
    file.write_text("")
    assert all(verdict["outcome"] == "failed" for _, verdict in _verdicts(slug, file))


FIELDS = {"v", "kind", "exercise", "case", "metric", "better", "device"}
MATRIX_SIZES, MATRIX_DTYPES = (
    (256, 512, 1024, 2048, 4096),
    ("float32", "tf32", "float16", "bfloat16"),
)
MATRIX_METRICS = ("median_ms", "tflops", "speedup_vs_cpu", "max_rel_err_vs_float64")
COPIES = [
    f"copy-{size}-{kind}"
    for size in ("4kb", "1mb", "64mb", "256mb")
    for kind in ("pageable", "pinned")
]
EXPECTED = {
    "dot-mm-matmul": {
        *(
            (f"mm-n{n}-{dtype}", metric)
            for n in MATRIX_SIZES
            for dtype in MATRIX_DTYPES
            for metric in MATRIX_METRICS
        ),
        ("mm-crossover", "crossover_n"),
        ("mm-crossover-with-transfer", "crossover_n"),
    },
    "device-move": {
        *((case, metric) for case in COPIES for metric in ("h2d_gb_per_s", "d2h_gb_per_s")),
        *((f"copy-4kb-{kind}", "latency_us") for kind in ("pageable", "pinned")),
        *((f"copy-{size}-within", "device_copy_gb_per_s") for size in ("1mb", "64mb")),
        ("cuda-init", "cuda_init_s"),
    },
}


@pytest.fixture(params=list(EXPECTED))
def measured(request: pytest.FixtureRequest, folder: Path) -> tuple[str, Checked]:
    """Measure a solution on the CPU."""
    exercise = COURSE.exercise(request.param)
    words = ("--measure", "--device", "cpu", "--slug", exercise.slug)
    return exercise.slug, run_checker(folder, exercise.solution, exercise.check, *words)


def test_every_case_has_its_row_on_every_machine(measured: tuple[str, Checked]) -> None:
    """Each case and metric is there once, with a number or the reason why there is none."""
    slug, checked = measured
    assert checked.code == 0, checked.output
    rows = checked.of_kind("metric")
    assert len(rows) == len(EXPECTED[slug])
    assert {(row["case"], row["metric"]) for row in rows} == EXPECTED[slug]
    for row in rows:
        assert row.keys() >= FIELDS
        assert row["exercise"] == slug
        assert row["better"] in ("higher", "lower")
        assert ("value" in row) != bool(row.get("skipped"))
    numbers = [row for row in rows if "value" in row]
    assert numbers
    for row in numbers:
        assert isinstance(row["value"], float)
        assert row["value"] > 0
        if row.get("unit"):
            assert row["replicates"] >= 1
            assert row["iqr"] >= 0
    env = checked.of_kind("env")[0]
    assert {"torch", "threads", "matmul_precision", "python", "cpus"} <= env.keys()
