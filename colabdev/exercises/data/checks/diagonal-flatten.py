"""Checks of diagonal-flatten: nested lists in plain Python are the reference."""

import math

import torch


def check_batch_trace(learner, t):
    """batch_trace(x) adds up the main diagonal of a matrix.

    batch_trace(x)는 행렬의 주대각선을 더합니다.
    """
    why = (
        "Row 0 column 0, row 1 column 1, and so on, until either of the two ends.",
        "0행 0열, 1행 1열, 이렇게 행이나 열이 끝날 때까지입니다.",
    )
    three = torch.arange(9, device=t.device).reshape(3, 3)
    t.equal(learner.batch_trace(three), torch.tensor(12, device=t.device), why)
    sizes = [(1, 1), (2, 5), (5, 2), (t.random.randint(2, 6), t.random.randint(2, 6))]
    for m, n in sizes:
        _compare_trace(learner, t, t.tensor(m, n), why)


def check_batch_trace_batches(learner, t):
    """In (..., m, n) the last two dims are the matrices.

    (..., m, n)에서는 마지막 두 차원이 행렬입니다.
    """
    why = (
        "One sum for each matrix: the diagonal runs through the last two dims.",
        "행렬마다 합이 하나입니다. 대각선은 마지막 두 차원을 지납니다.",
    )
    x = torch.arange(24, device=t.device).reshape(2, 3, 4)
    t.equal(learner.batch_trace(x), torch.tensor([15, 51], device=t.device), why)
    for shape in ((3, 3, 3), (4, 2, 5), (2, 3, 4, 5), (1, 2, 2), (0, 3, 3), (2, 3, 2, 1, 4)):
        _compare_trace(learner, t, t.tensor(*shape), why)


def check_batch_trace_offset(learner, t):
    """offset chooses another diagonal.

    offset은 다른 대각선을 고릅니다.
    """
    three = torch.arange(9, device=t.device).reshape(3, 3)
    for offset, total in ((0, 12), (1, 6), (-1, 10)):
        why = (
            f"The diagonals of arange(9) as 3 x 3: 0 4 8, above it 1 5, below it 3 7; {offset=}.",
            f"arange(9)의 3 x 3 대각선은 0 4 8, 위는 1 5, 아래는 3 7입니다. {offset=}입니다.",
        )
        t.equal(learner.batch_trace(three, offset), torch.tensor(total, device=t.device), why)
    for shape in ((4, 4), (3, 2, 5), (2, 2, 4, 3)):
        for offset in range(-5, 7):
            why = (
                f"{offset=}: below 0 it starts further down, above 0 further right.",
                f"{offset=}: 0보다 작으면 아래에서, 크면 오른쪽에서 시작합니다.",
            )
            _compare_trace(learner, t, t.tensor(*shape), why, offset)


def check_batch_trace_dtype(learner, t):
    """The sum has the dtype that sum() gives, and gradients flow.

    합의 dtype은 sum()이 주는 그대로이고, 기울기도 흐릅니다.
    """
    why = ("The dtype is sum()'s.", "dtype은 sum()이 주는 그대로입니다.")
    for dtype in (torch.float64, torch.float16, torch.int64, torch.int32):
        _compare_trace(learner, t, t.tensor(2, 3, 3).to(dtype), why)
    x = t.tensor(2, 3, 3).requires_grad_()
    learner.batch_trace(x).sum().backward()
    want = torch.eye(3, device=t.device).expand(2, 3, 3)
    t.equal(
        x.grad,
        want.contiguous(),
        ("Each number on a diagonal counts once.", "대각선의 수는 한 번씩 셉니다."),
    )


def check_keep_batch_flat(learner, t):
    """keep_batch_flat(x) has a row for each sample.

    keep_batch_flat(x)는 샘플마다 한 줄입니다.
    """
    why = (
        "The first dim is the batch and stays; the rest becomes one row, in reading order.",
        "첫 차원은 배치이므로 남기고, 나머지를 읽는 순서대로 한 줄로 폅니다.",
    )
    for shape in ((2, 3, 4), (1, 2, 2), (3, 5), (4, 1, 1), (1, 1, 2, 1), (2, 3, 2, 2)):
        _compare_flat(learner, t, t.tensor(*shape), why)
    moved = (
        "Reading order is that of the shape, however the numbers lie in memory.",
        "읽는 순서는 메모리가 아니라 모양을 따릅니다.",
    )
    _compare_flat(learner, t, t.tensor(3, 2, 4).transpose(0, 2), moved)
    _compare_flat(learner, t, t.tensor(4, 3).T.long(), moved)


def check_keep_batch_flat_small(learner, t):
    """A batch of plain numbers, a single number, an empty batch.

    수만 담은 배치, 수 하나, 빈 배치도 다룹니다.
    """
    plain = (
        "Each of the n samples is one number: (n) becomes (n, 1). atleast_2d gives (1, n).",
        "샘플 n개가 저마다 수 하나입니다. (n)은 (n, 1)이 됩니다. atleast_2d는 (1, n)을 줍니다.",
    )
    for n in (1, 5):
        _compare_flat(learner, t, t.tensor(n), plain)
    single = ("One number is a batch of one number.", "수 하나는 수 하나짜리 배치입니다.")
    _compare_flat(learner, t, t.tensor(), single)
    empty = (
        "A sample of an empty batch has a size, too; -1 cannot find it out.",
        "빈 배치에도 샘플의 크기는 있습니다. -1로는 알아낼 수 없습니다.",
    )
    for shape in ((0, 3, 4), (0,), (3, 0)):
        _compare_flat(learner, t, torch.zeros(shape, device=t.device), empty)


def check_keep_batch_flat_writes_through(learner, t):
    """The flat form of a contiguous tensor is a view of it.

    연속인 텐서를 편 결과는 복사가 아니라 뷰입니다.
    """
    why = (
        "Nothing had to be copied: what is written into the result shows in x.",
        "복사할 필요가 없습니다. 결과에 쓴 값이 x에도 보여야 합니다.",
    )
    for shape in ((2, 3, 4), (3, 2), (5,), ()):
        x = t.tensor(*shape)
        want = x.clone().flatten()
        want[-1] = 99.0
        learner.keep_batch_flat(x)[-1, -1] = 99.0
        t.equal(x.flatten(), want, why)


def _compare_trace(learner, t, x, why, offset=0):
    *lead, m, n = x.shape
    matrices = [] if x.numel() == 0 else x.reshape(-1, m, n).tolist()
    totals = [
        sum(matrix[row][row + offset] for row in range(m) if 0 <= row + offset < n)
        for matrix in matrices
    ]
    dtype = x.dtype if x.is_floating_point() else torch.int64
    want = torch.tensor(totals, dtype=dtype, device=t.device).reshape(lead)
    t.equal(learner.batch_trace(x, offset), want, why)
    if not offset:
        t.equal(learner.batch_trace(x), want, why)


def _compare_flat(learner, t, x, why):
    n, *rest = x.shape or (1,)
    samples = [x.tolist()] if x.dim() == 0 else x.tolist()
    rows = [_numbers(sample) for sample in samples]
    want = torch.tensor(rows, dtype=x.dtype, device=t.device).reshape(n, math.prod(rest))
    shape = tuple(x.shape)
    t.equal(learner.keep_batch_flat(x), want, why)
    t.equal(tuple(x.shape), shape, ("x keeps its own shape.", "x 자체의 모양은 그대로 두세요."))


def _numbers(nested):
    """Return the numbers of nested lists in reading order."""
    if not isinstance(nested, list):
        return [nested]
    return [number for inner in nested for number in _numbers(inner)]
