"""Checks of comparison-ops: Python's own sort and comparisons are the reference."""

import math
import operator

import torch

NAN, INF = math.nan, math.inf
NO_BROADCAST = (RuntimeError, ValueError)
FLOATS = (torch.float32, torch.float64)


def check_rank_rows(learner, t):
    """rank_rows(x) lists the columns of each row, the smallest value's first.

    rank_rows(x)는 행마다 가장 작은 값의 열부터 차례로 담습니다.
    """
    why = (
        "Each row by itself: the place of the smallest value comes first. [3, 1, 2] is [1, 2, 0].",
        "행마다 따로, 가장 작은 값의 자리가 맨 앞입니다. [3, 1, 2]는 [1, 2, 0]입니다.",
    )
    _compare_ranks(learner, t, torch.tensor([[3, 1, 2]]), why)
    for m, n in ((4, 4), (1, 1), (0, 3), (t.random.randint(2, 5), t.random.randint(6, 12))):
        for dtype in (torch.float32, torch.float64, torch.int64):
            numbers = [[t.random.uniform(-900, 900) for _ in range(n)] for _ in range(m)]
            _compare_ranks(learner, t, torch.tensor(numbers).reshape(m, n).to(dtype), why)


def check_rank_rows_ties(learner, t):
    """Equal values keep their order.

    같은 값은 원래 순서를 지킵니다.
    """
    why = (
        "Equal values keep the order they stand in; argsort promises it on demand only.",
        "같은 값은 놓인 순서를 지켜야 합니다. argsort는 그렇게 해 달라고 할 때만 보장합니다.",
    )
    _compare_ranks(learner, t, torch.tensor([[1, 0, 1, 0]]), why)
    for dtype in (torch.float32, torch.int64):
        _compare_ranks(learner, t, (t.tensor(4, 600, device="cpu") / 5).round().to(dtype), why)


def check_rank_rows_nan(learner, t):
    """NaN comes last, the infinities where they belong.

    NaN은 맨 뒤에, 무한대는 제자리에 옵니다.
    """
    rows = torch.tensor([[NAN, 1.0, INF, NAN, -INF], [INF, NAN, -INF, 0.0, INF]])
    _compare_ranks(learner, t, rows, ("NaN is last, after inf.", "NaN은 inf보다도 뒤입니다."))


def check_agreement_whole(learner, t):
    """Integers and bools agree when they are equal.

    정수와 bool은 같을 때 일치합니다.
    """
    why = (
        "Integers are exact: only equal ones agree, however large they are.",
        "정수는 정확합니다. 아무리 커도 같아야 일치합니다.",
    )
    for one, other in ((10**6, 10**6 + 1), (2**53, 2**53 + 1), (7, 7), (-7, 7)):
        pair = [torch.tensor([number], device=t.device) for number in (one, other)]
        t.equal(learner.agreement(*pair), torch.tensor([one == other], device=t.device), why)
    for dtype in (torch.int64, torch.int32, torch.bool):
        for _ in range(3):
            a, b = ((t.tensor(2, 5) / 4).round().to(dtype) for _ in range(2))
            _compare_equal(learner, t, a, b, why)


def check_agreement_floats(learner, t):
    """Floats agree when only rounding separates them.

    실수는 반올림 차이뿐이면 일치합니다.
    """
    why = (
        "0.1 + 0.2 is 0.30000000000000004. That is rounding, and the numbers agree.",
        "0.1 + 0.2는 0.30000000000000004입니다. 반올림 차이이므로 일치합니다.",
    )
    a = torch.tensor([0.1, 0.0], dtype=torch.float64, device=t.device) + 0.2
    b = torch.tensor([0.3, 0.3], dtype=torch.float64, device=t.device)
    t.equal(learner.agreement(a, b), torch.tensor([True, False], device=t.device), why)
    size = (
        "Rounding grows with the number: a difference counts in relation to the size.",
        "반올림 차이는 수가 클수록 커집니다. 차이는 수의 크기에 견주어 보세요.",
    )
    for dtype, tiny in zip(FLOATS, (3e-7, 1e-9), strict=True):
        for scale in (0.01, 1.0, 1e6):
            numbers = [t.random.choice((-1, 1)) * scale * t.random.uniform(1, 9) for _ in range(8)]
            a = torch.tensor(numbers, dtype=dtype, device=t.device)
            for change, agree in ((0.0, True), (tiny, True), (-tiny, True), (0.01, False)):
                want = torch.full((8,), agree, device=t.device)
                t.equal(learner.agreement(a, a * (1 + change)), want, size)
                t.equal(learner.agreement(a * (1 + change), a), want, size)


def check_agreement_special(learner, t):
    """NaN agrees with nothing, inf with inf.

    NaN은 무엇과도 일치하지 않고, inf는 inf와 일치합니다.
    """
    for dtype in FLOATS:
        special = torch.tensor([NAN, INF, -INF, 0.0, -0.0, 5.0], dtype=dtype, device=t.device)
        a, b = special[:, None], special[None, :]
        why = (
            "NaN agrees with nothing; inf with inf only; 0 with -0.",
            "NaN은 무엇과도, inf는 inf하고만, 0은 -0과도 일치합니다.",
        )
        _compare_equal(learner, t, a, b, why)


def check_agreement_broadcasts(learner, t):
    """Shapes broadcast, or it is an error.

    모양은 브로드캐스팅되고, 안 되면 오류입니다.
    """
    rows = [[1, 2, 3], [4, 2, 0]], [[1, 2, 9]]
    why = (
        "(2, 3) and (1, 3) give (2, 3): the one row is compared with both.",
        "(2, 3)과 (1, 3)은 (2, 3)이 됩니다. 한 행을 두 행과 각각 비교합니다.",
    )
    for dtype in (torch.int64, torch.float32):
        a, b = (torch.tensor(each, dtype=dtype, device=t.device) for each in rows)
        _compare_equal(learner, t, a, b, why)
        _compare_equal(learner, t, b[0], a, why)
        _compare_equal(learner, t, a[:, :, None], a[:, None, :], why)
        t.raises(
            NO_BROADCAST,
            lambda a=a: learner.agreement(a, a.repeat(1, 2)),
            ("(2, 3) and (2, 6) do not broadcast.", "(2, 3)과 (2, 6)은 브로드캐스팅되지 않습니다."),
        )


def check_clean(learner, t):
    """clean(x) has a 0 where x is not finite, and x elsewhere.

    clean(x)는 유한하지 않은 자리만 0이고 나머지는 x와 같습니다.
    """
    why = (
        "inf, -inf and NaN become 0; all else stays, in shape, dtype and value.",
        "inf, -inf, NaN만 0이 됩니다. 나머지는 모양도 dtype도 값도 그대로입니다.",
    )
    for dtype in (torch.float16, *FLOATS):
        largest = torch.finfo(dtype).max
        for shape in ((), (0,), (9,), (3, 4, 5)):
            places = math.prod(shape)
            numbers = t.random.choices(
                (NAN, INF, -INF, 1.5, -2.0, 0.0, largest, -largest), k=places
            )
            x = torch.tensor(numbers, dtype=dtype, device=t.device).reshape(shape)
            kept = [number if math.isfinite(number) else 0.0 for number in numbers]
            want = torch.tensor(kept, dtype=dtype, device=t.device).reshape(shape)
            t.equal(learner.clean(x), want, why)
    t.equal(
        learner.clean(torch.tensor([70_000.0], device=t.device).half()),
        torch.zeros(1, dtype=torch.float16, device=t.device),
        ("70000 is too large for float16: it is inf there.", "70000은 float16에서 inf입니다."),
    )


def check_clean_keeps(learner, t):
    """x itself is not changed, and integers come back as they are.

    x는 바뀌지 않고, 정수는 그대로 돌아옵니다.
    """
    x = torch.tensor([1.0, INF, NAN], device=t.device)
    before = x.clone()
    learner.clean(x)
    stays = (
        "Work on a new tensor: x is the caller's.",
        "새 텐서를 만드세요. x는 건네준 쪽의 것입니다.",
    )
    t.equal(x, before, stays)
    for dtype in (torch.int64, torch.uint8):
        whole = t.tensor(2, 5).abs().to(dtype)
        why = ("Integers are finite by nature.", "정수는 본래 유한합니다.")
        t.equal(learner.clean(whole), whole, why)


def _compare_ranks(learner, t, table, why):
    """Check *table*, which lies on the CPU, on the device."""
    ranks = [
        sorted(range(len(row)), key=lambda at, row=row: (math.isnan(row[at]), row[at]))
        for row in table.tolist()
    ]
    want = torch.tensor(ranks, dtype=torch.int64, device=t.device).reshape(table.shape)
    t.equal(learner.rank_rows(table.to(t.device)), want, why)


def _compare_equal(learner, t, a, b, why):
    """Check numbers that are either the same or far apart."""
    shape = torch.broadcast_shapes(a.shape, b.shape)
    pairs = zip(*(each.expand(shape).flatten().tolist() for each in (a, b)), strict=True)
    want = [operator.eq(*pair) for pair in pairs]
    t.equal(learner.agreement(a, b), torch.tensor(want, device=t.device).reshape(shape), why)
