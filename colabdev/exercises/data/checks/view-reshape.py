"""Checks of view-reshape: lists cut into rows are the reference, and addresses tell the copies."""

import torch

WRONG_SIZE = (RuntimeError, ValueError)

WHY_ROWS = (
    "Reading order: the last dimension moves fastest; a row is full before the next begins.",
    "읽는 순서대로입니다. 마지막 차원이 가장 빨리 바뀌고, 한 행이 차면 다음 행으로 넘어갑니다.",
)
WHY_VIEW = (
    "It lies in memory in reading order: another shape needs no copy, only a view.",
    "메모리에 읽는 순서대로 놓여 있습니다. 모양만 바꾸는 데는 복사가 아니라 뷰로 충분합니다.",
)
WHY_INTACT = ("x keeps its own shape and numbers.", "x 자신의 모양과 값은 그대로여야 합니다.")


def check_pairs(learner, t):
    """pairs(x) cuts the numbers into rows of two.

    pairs(x)는 수를 둘씩 묶어 행으로 만듭니다.
    """
    for shape in ((2,), (2, 3, 2), (3, 4), (0, 2), (t.random.randint(1, 4), 3, 1, 8)):
        for dtype in (torch.float32, torch.int64):
            x = t.tensor(*shape).to(dtype)
            before = x.clone()
            t.equal(learner.pairs(x), _rows(before, 2), WHY_ROWS)
            t.equal(x, before, WHY_INTACT)


def check_pairs_is_a_view(learner, t):
    """pairs(x) is the memory of x, also when x is a part of another tensor.

    pairs(x)는 x의 메모리 그대로입니다. x가 다른 텐서의 일부여도 그렇습니다.
    """
    whole = t.tensor(6, 8)
    for x in (t.tensor(2, 3, 2), whole, whole[2:4], whole[:, 2:4], whole[:, ::4]):
        got = learner.pairs(x)
        t.equal(got, _rows(x, 2), WHY_ROWS)
        t.equal(got.data_ptr(), x.data_ptr(), WHY_VIEW)
        got[-1, 1] = 50
        t.equal(x.flatten()[-1].item(), 50.0, WHY_VIEW)


def check_pairs_refuses(learner, t):
    """pairs refuses what it would have to copy, and an odd count.

    pairs는 복사해야만 하는 텐서와 개수가 홀수인 텐서를 거부합니다.
    """
    why = (
        "The pairs of x do not lie side by side in memory. A copy would hide that: raise.",
        "x의 짝이 메모리에 나란히 놓여 있지 않습니다. 복사하면 그 사실이 감춰지니 오류를 내세요.",
    )
    for x in (t.tensor(4, 6).T, t.tensor(2, 3, 2).transpose(0, 2), t.tensor(3, 6)[:, :4]):
        t.raises(WRONG_SIZE, lambda x=x: learner.pairs(x), why)
    for size in (1, 5):
        t.raises(
            WRONG_SIZE,
            lambda size=size: learner.pairs(t.tensor(size)),
            (f"{size} numbers make no pairs.", f"수 {size}개는 짝을 지을 수 없습니다."),
        )


def check_flat_rows(learner, t):
    """flat_rows(x, k) cuts the numbers into rows of k.

    flat_rows(x, k)는 수를 k개씩 묶어 행으로 만듭니다.
    """
    for shape in ((2, 3, 2), (6,), (4, 1, 3), (5, 12), (0, 4), (2, 2, 3, 5)):
        for k in (1, 2, 3, 6, 7):
            x = t.tensor(*shape)
            if x.numel() % k:
                t.raises(
                    WRONG_SIZE,
                    lambda x=x, k=k: learner.flat_rows(x, k),
                    (
                        f"{x.numel()} numbers do not fill rows of {k}.",
                        f"수 {x.numel()}개로는 {k}개짜리 행을 채울 수 없습니다.",
                    ),
                )
                continue
            before = x.clone()
            t.equal(learner.flat_rows(x, k), _rows(before, k), WHY_ROWS)
            t.equal(x, before, WHY_INTACT)


def check_flat_rows_any_stride(learner, t):
    """flat_rows takes transposed, permuted, sliced and expanded tensors.

    flat_rows는 전치하거나, 축을 섞거나, 자르거나, 늘린 텐서도 받습니다.
    """
    example = torch.arange(12, device=t.device).reshape(2, 3, 2).transpose(0, 2)
    want = torch.tensor([[0, 6, 2, 8, 4, 10], [1, 7, 3, 9, 5, 11]], device=t.device)
    t.equal(learner.flat_rows(example, 6), want, WHY_ROWS)
    m, n = t.random.randint(2, 4), t.random.randint(2, 4)
    for x in (
        t.tensor(m, 6).T,
        t.tensor(m, 6, n).permute(2, 0, 1),
        t.tensor(m, 12)[:, ::2],
        t.tensor(m, 1).expand(m, 6),
    ):
        before = x.clone()
        for k in (2, 3, 6):
            t.equal(learner.flat_rows(x, k), _rows(before, k), WHY_ROWS)
        t.equal(x, before, WHY_INTACT)


def check_flat_rows_copies_only_if_it_must(learner, t):
    """flat_rows does not copy a contiguous tensor.

    flat_rows는 연속된(contiguous) 텐서를 복사하지 않습니다.
    """
    whole = t.tensor(6, 8)
    for x in (t.tensor(2, 3, 2), whole, whole[2:5]):
        for k in (1, 4, 6):
            got = learner.flat_rows(x, k)
            t.equal(got.data_ptr(), x.data_ptr(), WHY_VIEW)
            got[0, 0] = 50
            t.equal(x.flatten()[0].item(), 50.0, WHY_VIEW)


def _rows(x, k):
    """Return the numbers of *x* as rows of *k*, cut from a list of them in reading order."""
    numbers = _numbers(x.tolist())
    rows = [numbers[at : at + k] for at in range(0, len(numbers), k)]
    return torch.tensor(rows, dtype=x.dtype, device=x.device).reshape(len(rows), k)


def _numbers(value):
    if not isinstance(value, list):
        return [value]
    return [number for part in value for number in _numbers(part)]


# ---- measurements ------------------------------------------------------------------------------

SIZES = (1024, 4096)
STEP = 8  # every eighth number: one of each 32 bytes, which is a sector of a GPU's memory


def measure(learner, emit, device):
    """Measure what flat_rows costs as a view and as a copy, and what strides cost a sum."""
    for n in SIZES:
        for case in ("view", "copy", "sum"):
            if emit.left < 2:
                _skip(emit, f"{case}-n{n}", device)
        if emit.left < 2:
            continue
        # Whole numbers, so that the sum is the same in whatever order it is made.
        x = torch.arange(n * n, device=device).remainder(13).sub(6).float().reshape(n, n)
        _view_and_copy(learner, emit, x, n, device)
        _sum(emit, x[:, ::STEP], n, device)


METRICS = {
    "view": ("latency_us",),
    "copy": ("gb_per_s", "ratio"),
    "sum": ("gb_per_s", "ratio"),
}
UNITS = {"latency_us": ("us", "lower"), "gb_per_s": ("GB/s", "higher"), "ratio": ("x", "lower")}


def _view_and_copy(learner, emit, x, n, device):
    """Measure flat_rows of a matrix (a view) and of its transpose (a copy, in another order)."""
    view = learner.flat_rows(x, n)
    emit.true(view.data_ptr() == x.data_ptr(), "A contiguous tensor was copied.")
    # Rows of another length than those of x.T, which would be a view of themselves.
    copy = learner.flat_rows(x.T, n // 2)
    emit.true(torch.equal(copy.view(n, n).T, x), "The copy of the transpose is wrong.")
    seen = emit.time(lambda: learner.flat_rows(x, n))
    _row(emit, f"view-n{n}", "latency_us", seen.median * 1e6, device, seen)
    copied, straight = emit.time(lambda: learner.flat_rows(x.T, n // 2)), emit.time(x.clone)
    _row(emit, f"copy-n{n}", "gb_per_s", 2 * x.nbytes / copied.median / 1e9, device, copied)
    _row(emit, f"copy-n{n}", "ratio", copied.median / straight.median, device)


def _sum(emit, x, n, device):
    """Measure the sum of numbers that lie apart, and of the same numbers side by side."""
    packed = x.contiguous()
    emit.true(torch.equal(packed.sum(), x.sum()), "The sums differ.")
    apart, together = emit.time(x.sum), emit.time(packed.sum)
    _row(emit, f"sum-n{n}", "gb_per_s", packed.nbytes / apart.median / 1e9, device, apart)
    _row(emit, f"sum-n{n}", "ratio", apart.median / together.median, device)


def _row(emit, case, metric, value, device, timing=None):
    unit, better = UNITS[metric]
    row = {"unit": unit, "better": better, "device": device, "dtype": "float32"}
    if timing:
        row |= {"replicates": timing.replicates, "iqr": value * timing.iqr / timing.median}
    emit(case, metric, value, **row)


def _skip(emit, case, device):
    for metric in METRICS[case.partition("-")[0]]:
        unit, better = UNITS[metric]
        row = {"unit": unit, "better": better, "device": device, "dtype": "float32"}
        emit(case, metric, skipped="no time left", **row)
