"""Checks of scatter-write: Python loops over lists are the reference."""

import torch

OUTSIDE = (RuntimeError, IndexError, ValueError)

WHY_PLACED = (
    "src[i, j] goes to row rows[i, j] of column j; what meets in one place is added.",
    "src[i, j]는 j열의 rows[i, j]행으로 갑니다. 같은 자리에서 만난 수는 더합니다.",
)
WHY_COUNTED = (
    "Each number counts, as often as it occurs. A plain write keeps one of several.",
    "같은 수가 여러 번 나오면 그만큼 세어야 합니다. 그냥 쓰면 여럿 가운데 하나만 남습니다.",
)
WHY_INTACT = ("The inputs do not change.", "입력은 바뀌지 않아야 합니다.")


def check_place_columns(learner, t):
    """place_columns puts each number into its column, at the row that rows names.

    place_columns는 수마다 자기 열의, rows가 가리키는 행에 넣습니다.
    """
    sample = torch.arange(0, 10, device=t.device).view(2, 5)
    index = torch.tensor([[0, 1, 2, 2, 1]], device=t.device)
    want = torch.zeros(5, 5, dtype=torch.int64, device=t.device)
    want[1], want[2] = (torch.tensor(row) for row in ([0, 1, 0, 0, 4], [0, 0, 2, 3, 0]))
    t.equal(learner.place_columns(sample, index), want, WHY_PLACED)
    for dtype in (torch.float32, torch.int64, torch.float64):
        for m, n in ((1, 1), (2, 5), (t.random.randint(2, 4), t.random.randint(5, 7))):
            _place(learner, t, t.tensor(m, n).to(dtype), _indices(t, n, m, n))


def check_place_columns_adds(learner, t):
    """Where several numbers have one target, their sum is there.

    목적지가 같은 수가 여럿이면 그 합이 들어갑니다.
    """
    for m, n in ((4, 2), (6, 3), (t.random.randint(5, 9), 1)):
        _place(learner, t, t.tensor(m, n), _indices(t, n, m, n))
        _place(learner, t, t.tensor(m, n), torch.zeros(m, n, dtype=torch.int64, device=t.device))


def check_place_columns_partly(learner, t):
    """rows may be shorter than src: what it does not name is left out.

    rows는 src보다 짧아도 됩니다. rows에 없는 수는 넣지 않습니다.
    """
    for m, n, k in ((3, 4, 1), (3, 4, 2), (5, 2, 3), (2, 3, 0)):
        _place(learner, t, t.tensor(m, n), _indices(t, n, k, n))


def check_histogram(learner, t):
    """histogram counts each of 0 to n - 1, in an idx of any shape.

    histogram은 모양이 어떻든 idx에 든 0부터 n - 1까지를 셉니다.
    """
    example = torch.tensor([0, 2, 2, 1, 2], device=t.device)
    t.equal(learner.histogram(example, 4), torch.tensor([1, 1, 3, 0], device=t.device), WHY_COUNTED)
    for shape in ((0,), (), (200,), (3, 4, 5), (t.random.randint(1, 30), 2)):
        for n in (1, 7, t.random.randint(2, 30)):
            _count(learner, t, _indices(t, n, *shape), n)
    _count(learner, t, _indices(t, 3, 4, 5).T, 3)
    _count(learner, t, _indices(t, 2, 6), 40)


def check_refuses_what_is_outside(learner, t):
    """An index outside of the result is an error.

    결과를 벗어나는 인덱스는 오류입니다.
    """
    # On the CPU only: on a GPU such an index ends all work of the process.
    why = (
        "There is no such place. Neither drop the number, nor make the result larger.",
        "그런 자리는 없습니다. 수를 버리지도, 결과를 키우지도 마세요.",
    )
    for wrong in (3, 4, -1, -3):
        idx = torch.tensor([0, wrong, 2])
        t.raises(OUTSIDE, lambda idx=idx: learner.histogram(idx, 3), why)
        src = t.tensor(1, 3, device="cpu")
        t.raises(OUTSIDE, lambda src=src, idx=idx: learner.place_columns(src, idx[None]), why)


def _indices(t, n, *shape):
    numbers = [t.random.randrange(n) for _ in range(torch.Size(shape).numel())]
    return torch.tensor(numbers, dtype=torch.int64, device=t.device).reshape(shape)


def _place(learner, t, src, rows):
    n = src.shape[1]
    table = [[0] * n for _ in range(n)]
    for numbers, targets in zip(src.tolist(), rows.tolist(), strict=False):
        for column, (number, row) in enumerate(zip(numbers, targets, strict=True)):
            table[row][column] += number
    before = src.clone(), rows.clone()
    want = torch.tensor(table, dtype=src.dtype, device=t.device)
    t.equal(learner.place_columns(src, rows), want, WHY_PLACED)
    t.equal((src, rows), before, WHY_INTACT)


def _count(learner, t, idx, n):
    numbers = idx.flatten().tolist()
    before = idx.clone()
    want = torch.tensor([numbers.count(each) for each in range(n)], device=t.device)
    t.equal(learner.histogram(idx, n), want, WHY_COUNTED)
    t.equal(idx, before, WHY_INTACT)


# ---- measurements ------------------------------------------------------------------------------

COUNT = 1_000_000
BINS = (1, 1_000, 1_000_000)
SIDE = 1_000  # of the square that place_columns fills with COUNT numbers
TARGETS = (1, SIDE)  # rows that the numbers of a column may go to

SPEED = {"metric": "updates_per_s", "unit": "1/s", "better": "higher"}
DIFFERENCE = {"metric": "run_to_run_max_abs_diff", "unit": "", "better": "lower"}


def measure(learner, emit, device):
    """Measure both functions with few and with many targets: the fewer, the more they collide."""
    generator = torch.Generator().manual_seed(0)
    for bins in BINS:
        row = {"case": f"histogram-{bins}-bins", "device": device, "dtype": "int64"}
        if emit.left < 2:
            emit(**row, **SPEED, skipped="no time left")
            continue
        idx = torch.randint(bins, (COUNT,), generator=generator).to(device)
        emit.true(
            torch.equal(learner.histogram(idx, bins).cpu(), idx.cpu().bincount(minlength=bins)),
            f"The counts of {bins} bins are wrong.",
        )
        _speed(emit, row, emit.time(lambda idx=idx, bins=bins: learner.histogram(idx, bins)))
    for targets in TARGETS:
        row = {"case": f"place-{targets}-rows", "device": device, "dtype": "float32"}
        if emit.left < 2:
            for metric in (SPEED, DIFFERENCE):
                emit(**row, **metric, skipped="no time left")
            continue
        src = torch.rand(SIDE, SIDE, generator=generator).to(device)
        rows = torch.randint(targets, (SIDE, SIDE), generator=generator).to(device)
        first, second = (learner.place_columns(src, rows) for _ in range(2))
        sums, want = first.double().sum(0), src.double().sum(0)
        emit.true(torch.allclose(sums, want, rtol=1e-4), "The sums of the columns are wrong.")
        emit(**row, **DIFFERENCE, value=(first - second).abs().max().item())
        _speed(emit, row, emit.time(lambda src=src, rows=rows: learner.place_columns(src, rows)))


def _speed(emit, row, timing):
    speed = COUNT / timing.median
    spread = {"replicates": timing.replicates, "iqr": speed * timing.iqr / timing.median}
    emit(**row, **SPEED, value=speed, **spread)
