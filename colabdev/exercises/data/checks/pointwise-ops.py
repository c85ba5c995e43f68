"""Checks of pointwise-ops: Python's own numbers, one by one, are the reference."""

import math

import torch

WHY_RATIO = (
    "|a / b|, and 0 where b is 0. The division gives floats, of whole numbers, too.",
    "|a / b|이고, b가 0인 곳은 0입니다. 정수끼리 나누어도 결과는 실수입니다.",
)
WHY_FLAGS = (
    "True where some bit is 1 in both: Python writes it (a & b) != 0.",
    "두 수에서 모두 1인 비트가 있으면 True입니다. 파이썬으로는 (a & b) != 0입니다.",
)
WHY_SIGN = (
    "The sign is a bit like any other: -128 & -128 is -128, which is below 0, and abs() of an "
    "int8 leaves it there.",
    "부호도 하나의 비트입니다. -128 & -128은 0보다 작은 -128이고, int8에서는 abs()를 해도 "
    "-128 그대로입니다.",
)
WHY_BROADCAST = (
    "Element by element with broadcasting: (3, 1) and (1, 4) give (3, 4).",
    "원소별 연산은 브로드캐스팅합니다. (3, 1)과 (1, 4)는 (3, 4)가 됩니다.",
)
WHY_INTACT = ("The inputs do not change.", "입력은 바뀌지 않아야 합니다.")

# dtypes of a and of b, and the dtype of their quotient.
QUOTIENTS = (
    (torch.float32, torch.float32, torch.float32),
    (torch.int64, torch.int64, torch.float32),
    (torch.int64, torch.float64, torch.float64),
    (torch.float16, torch.int8, torch.float16),
    (torch.uint8, torch.int8, torch.float32),
)


def check_safe_ratio(learner, t):
    """safe_ratio(a, b) is |a / b|, for whole numbers and floats.

    safe_ratio(a, b)는 정수든 실수든 |a / b|입니다.
    """
    example = torch.tensor([7, -7, 1, -3]), torch.tensor([2, 2, 3, -4])
    a, b = (each.to(t.device) for each in example)
    want = torch.tensor([3.5, 3.5, 1 / 3, 0.75], device=t.device)
    t.equal(learner.safe_ratio(a, b), want, WHY_RATIO)
    for kind_a, kind_b, kind in QUOTIENTS:
        for shape in ((), (0,), (t.random.randint(5, 20),), (3, t.random.randint(2, 5))):
            a, b = t.tensor(*shape).to(kind_a), t.tensor(*shape).to(kind_b)
            b = torch.where(b == 0, torch.full_like(b, 5), b)
            _ratio(learner, t, a, b, kind, WHY_RATIO)
    a = torch.tensor([1e-9, -2e-9], dtype=torch.float64, device=t.device)
    _ratio(learner, t, a, a.flip(0) / 2, torch.float64, WHY_RATIO)


def check_safe_ratio_by_zero(learner, t):
    """safe_ratio is 0 where b is 0: neither inf nor nan, and nowhere else.

    b가 0인 곳에서 safe_ratio는 inf도 nan도 아닌 0이며, 다른 곳은 그대로입니다.
    """
    why = (
        "x / 0 is inf and 0 / 0 is nan; both become 0. Adding a little to b would change "
        "every other result.",
        "x / 0은 inf, 0 / 0은 nan인데 둘 다 0이 되어야 합니다. "
        "b에 작은 수를 더하면 다른 결과까지 모두 달라집니다.",
    )
    for kind_a, kind_b, kind in QUOTIENTS:
        a, b = t.tensor(3, 8).to(kind_a), t.tensor(3, 8).to(kind_b)
        a[0, :4], b[:, 2:5] = 0, 0
        _ratio(learner, t, a, b, kind, why)
    special = torch.tensor([math.inf, -math.inf, math.nan, 1.0, 0.0], device=t.device)
    zeros = torch.tensor([0.0, -0.0, 0.0, -0.0, 0.0], device=t.device)
    t.equal(learner.safe_ratio(special, zeros), torch.zeros(5, device=t.device), why)
    t.equal(learner.safe_ratio(special, zeros + 1), special.clone().abs_(), WHY_RATIO)


def check_safe_ratio_smallest(learner, t):
    """safe_ratio is right for the smallest whole number of each dtype.

    safe_ratio는 dtype마다 가장 작은 정수에서도 맞습니다.
    """
    for dtype in (torch.int8, torch.int16, torch.int32):
        lowest = torch.iinfo(dtype).min
        a = torch.tensor([lowest, lowest, 1, lowest + 1], dtype=dtype, device=t.device)
        b = torch.tensor([1, 2, lowest, 1], dtype=dtype, device=t.device)
        why = (
            f"{lowest} has no counterpart above 0 in its dtype, so abs() leaves it below 0: "
            "divide first.",
            f"이 dtype에는 {lowest}에 맞서는 양수가 없어서 abs()를 해도 음수로 남습니다. "
            "먼저 나누세요.",
        )
        _ratio(learner, t, a, b, torch.float32, why)


def check_flags_overlap(learner, t):
    """flags_overlap is True where both have a bit in common.

    두 수에 공통된 비트가 있으면 flags_overlap은 True입니다.
    """
    _flags(learner, t, [12, 4, 6, 4, 0, 0, 1], [10, 2, 3, 4, 0, 7, 1], torch.int64, WHY_FLAGS)
    for dtype in (torch.int64, torch.int32, torch.uint8, torch.int8):
        for size in (0, 1, 40):
            a, b = ([t.random.randint(0, 15) for _ in range(size)] for _ in range(2))
            _flags(learner, t, a, b, dtype, WHY_FLAGS)
    far = [1 << t.random.randint(33, 62) for _ in range(20)]
    _flags(learner, t, far, [bit + 1 for bit in far], torch.int64, WHY_FLAGS)
    _flags(learner, t, far, [bit - 1 for bit in far], torch.int64, WHY_FLAGS)
    both = [False, False, True, True], [False, True, False, True]
    _flags(learner, t, *both, torch.bool, WHY_FLAGS)


def check_flags_overlap_sign(learner, t):
    """The sign bit counts, too.

    부호 비트도 셉니다.
    """
    a = [-128, -128, -1, -2, -128, -1, -64]
    _flags(learner, t, a, [-128, 127, 7, 1, -1, 0, -128], torch.int8, WHY_SIGN)
    numbers = [t.random.randint(-128, 127) for _ in range(40)]
    for dtype in (torch.int8, torch.int64):
        _flags(learner, t, numbers, numbers[::-1], dtype, WHY_SIGN)
        _flags(learner, t, numbers, [-(2**7)] * 40, dtype, WHY_SIGN)


def check_broadcasting(learner, t):
    """Both functions broadcast, and leave their inputs alone.

    두 함수 모두 브로드캐스팅하며 입력을 바꾸지 않습니다.
    """
    m, n = t.random.randint(2, 4), t.random.randint(5, 7)
    for shapes in (((m, 1), (1, n)), ((n,), (m, n)), ((m, n), ()), ((), (n,))):
        for dtype in (torch.float32, torch.int64):
            a, b = (t.tensor(*shape).to(dtype) for shape in shapes)
            b.view(-1)[:1] = 0
            before = a.clone(), b.clone()
            _ratio(learner, t, a, b, torch.float32, WHY_BROADCAST)
            if dtype == torch.int64:
                wide = [each.tolist() for each in torch.broadcast_tensors(a, b)]
                t.equal(learner.flags_overlap(a, b), _shared_bits(*wide, t), WHY_BROADCAST)
            t.equal((a, b), before, WHY_INTACT)


def _ratio(learner, t, a, b, dtype, why):
    """Compare safe_ratio(a, b) with the quotients of Python's numbers."""
    wide_a, wide_b = torch.broadcast_tensors(a, b)
    pairs = zip(wide_a.flatten().tolist(), wide_b.flatten().tolist(), strict=True)
    numbers = [abs(x / y) if y else 0.0 for x, y in pairs]
    want = torch.tensor(numbers, dtype=dtype, device=t.device).reshape(wide_a.shape)
    t.equal(learner.safe_ratio(a, b), want, why)


def _flags(learner, t, a, b, dtype, why):
    """Compare flags_overlap with the bits of Python's numbers."""
    left, right = (torch.tensor(each, dtype=dtype, device=t.device) for each in (a, b))
    t.equal(learner.flags_overlap(left, right), _shared_bits(a, b, t), why)


def _shared_bits(a, b, t):
    def shared(x, y):
        if isinstance(x, list):
            return [shared(*pair) for pair in zip(x, y, strict=True)]
        return (x & y) != 0

    return torch.tensor(shared(a, b), dtype=torch.bool, device=t.device)
