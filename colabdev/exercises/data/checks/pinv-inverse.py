"""Checks of pinv-inverse: exact fractions are the reference."""

import functools
import time
from fractions import Fraction

import torch

BEST = (
    "Of all x that bring A x nearest to b, the smallest one: the pseudo-inverse times b.",
    "A x가 b에 가장 가까워지는 x 가운데 가장 작은 것, 곧 유사역행렬과 b의 곱입니다.",
)


def check_note(learner, t):
    """The note's matrices: a regular one, a wide one, and one that is singular.

    노트의 행렬을 확인합니다. 가역인 것, 가로로 긴 것, 그리고 특이한 것입니다.
    """
    for rows, inverse, divisor in (
        ([[1, 2], [4, 5]], [[-5, 2], [4, -1]], 3),
        ([[1, 2, 3], [4, 5, 6]], [[-17, 8], [-2, 2], [13, -4]], 18),
        ([[1, 2], [2, 4]], [[1, 2], [2, 4]], 25),
    ):
        A, scaled = (torch.tensor(each, device=t.device).double() for each in (rows, inverse))
        b = torch.eye(2, dtype=torch.float64, device=t.device)
        t.equal(learner.solve_or_lstsq(A, b), scaled / divisor, BEST)
        want = (scaled / divisor).float()
        t.equal(learner.solve_or_lstsq(A.float(), b.float()), want, BEST)


def check_any_shape(learner, t):
    """Square, tall and wide matrices of every rank.

    정사각이거나 세로나 가로로 긴, 모든 계수(rank)의 행렬을 다룹니다.
    """
    for m, n, rank in ((3, 3, 3), (3, 3, 2), (3, 3, 1), (4, 2, 2), (2, 4, 2), (4, 3, 2), (2, 4, 1)):
        A, b, x = _problem(t, m, n, rank)
        why = (f"A is {m} x {n} of rank {rank}. {BEST[0]}", f"{m} x {n}, 계수 {rank}. {BEST[1]}")
        t.equal(learner.solve_or_lstsq(A, b), x, why)


def check_nearly_singular(learner, t):
    """A matrix that is singular up to 1e-12 is treated as singular.

    1e-12만큼만 특이하지 않은 행렬도 특이한 행렬로 다룹니다.
    """
    why = (
        "A differs from a singular matrix by 1e-12: an inverse exists, and is noise. Ask cond.",
        "A는 특이한 행렬과 1e-12만큼 다릅니다. 역행렬은 있지만 잡음입니다. cond를 확인하세요.",
    )
    for n in (2, 3, 4):
        A, b, x = _problem(t, n, n, n - 1)
        nudge = torch.tensor([t.random.uniform(-1e-12, 1e-12) for _ in range(n * n)])
        A += nudge.double().reshape(n, n).to(t.device)
        got = learner.solve_or_lstsq(A, b)
        t.equal(got.float(), x.float(), why)  # the nudge shows in the digits after those


def check_threshold(learner, t):
    """1 / sqrt(eps) is where trust ends, in float32 and in float64.

    float32에서도 float64에서도 1 / √eps가 경계입니다.
    """
    for dtype in (torch.float32, torch.float64):
        least = torch.finfo(dtype).eps ** 0.5
        for small, is_kept in ((least * 1.25, True), (least / 1.25, False)):
            A = torch.tensor([[1.0, 0.0], [0.0, small]], dtype=dtype, device=t.device)
            b = torch.tensor([[3.0], [A[1, 1].item()]], dtype=dtype, device=t.device)
            want = torch.tensor([[3.0], [float(is_kept)]], dtype=dtype, device=t.device)
            why = (
                f"A = diag(1, {small:.2e}) has the condition number {1 / small:.2e}, "
                f"and the limit is {1 / least:.2e}.",
                f"diag(1, {small:.2e})의 조건수는 {1 / small:.2e}, 경계는 {1 / least:.2e}입니다.",
            )
            t.equal(learner.solve_or_lstsq(A, b), want, why)
            tall = torch.cat((A, torch.zeros_like(A[:1])))
            below = torch.cat((b, torch.zeros_like(b[:1])))
            t.equal(learner.solve_or_lstsq(tall, below), want, why)


def check_exact(learner, t):
    """Where solve may be trusted, A x is b to the last digits.

    solve를 믿어도 되는 곳에서는 A x가 끝자리까지 b와 같습니다.
    """
    n = 8
    for _ in range(3):
        bases = [torch.linalg.qr(_gauss(t, n, n))[0] for _ in range(2)]
        A = bases[0] @ torch.logspace(0, -6, n, dtype=torch.float64, device=t.device).diag()
        A = A @ bases[1]
        b = A @ _gauss(t, n, 2)
        error = (A @ learner.solve_or_lstsq(A, b) - b).abs().max().item()
        t.true(
            error < 1e-13,
            (
                f"A x misses b by {error:.1e}. An inverse loses digits (the condition number is "
                "1e6) which solve keeps.",
                f"A x가 b에서 {error:.1e}만큼 벗어났습니다. 조건수가 1e6일 때 역행렬을 거치면 "
                "자릿수를 잃지만 solve는 지킵니다.",
            ),
        )


def check_batch(learner, t):
    """Leading dims are a batch; one singular matrix in it is enough to be careful.

    앞쪽 차원은 묶음입니다. 특이한 행렬이 하나만 섞여 있어도 조심해야 합니다.
    """
    why = (
        "Each matrix of the batch has its own x, though one of them may be singular.",
        "하나가 특이하더라도 묶음의 행렬마다 자기 x가 있습니다.",
    )
    for ranks in ((3, 3, 3), (3, 2, 3), (1, 3, 3)):
        A, b, x = (torch.stack(e) for e in zip(*(_problem(t, 3, 3, r) for r in ranks), strict=True))
        t.equal(learner.solve_or_lstsq(A, b), x, why)
        t.equal(learner.solve_or_lstsq(A[:, None], b[:, None]), x[:, None], why)
    A, b, x = (torch.stack(e) for e in zip(*(_problem(t, 4, 2, 2) for _ in range(4)), strict=True))
    before = A.clone(), b.clone()
    t.equal(learner.solve_or_lstsq(A, b), x, why)
    t.equal((A, b), before, ("A and b are to stay.", "A와 b는 그대로 두세요."))


def _gauss(t, m, n):
    numbers = [t.random.gauss(0, 1) for _ in range(m * n)]
    return torch.tensor(numbers, dtype=torch.float64, device=t.device).reshape(m, n)


def _problem(t, m, n, rank):
    """Return A (m, n) of *rank*, b (m, 2), and x, which is exact up to its last rounding.

    A = B C, where B and C have full rank, so that its pseudo-inverse is C' (C C')^-1 (B' B)^-1 B'.
    """
    while True:
        B = [[Fraction(t.random.randint(-3, 3)) for _ in range(rank)] for _ in range(m)]
        C = [[Fraction(t.random.randint(-3, 3)) for _ in range(n)] for _ in range(rank)]
        b = [[Fraction(t.random.randint(-9, 9)) for _ in range(2)] for _ in range(m)]
        inner = _solved(_product(_turned(B), B), _product(_turned(B), b))
        outer = inner and _solved(_product(C, _turned(C)), inner)
        if outer:
            lists = (_product(B, C), b, _product(_turned(C), outer))
            return [_tensor(rows, t.device) for rows in lists]


def _tensor(rows, device):
    numbers = [[float(number) for number in row] for row in rows]
    return torch.tensor(numbers, dtype=torch.float64, device=device)


def _turned(rows):
    return [list(column) for column in zip(*rows, strict=True)]


def _product(left, right):
    columns = _turned(right)
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left
    ]


def _solved(square, right):
    """Return the solution by elimination in exact numbers, or None if *square* is singular."""
    rows = [[*one, *other] for one, other in zip(square, right, strict=True)]
    for at in range(len(rows)):
        pivot = next((row for row in range(at, len(rows)) if rows[row][at]), None)
        if pivot is None:
            return None
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [number / rows[at][at] for number in rows[at]]
        for row in range(len(rows)):
            if row != at:
                factor = rows[row][at]
                pairs = zip(rows[row], rows[at], strict=True)
                rows[row] = [number - factor * other for number, other in pairs]
    return [row[len(rows) :] for row in rows]


# ---- measurements ------------------------------------------------------------------------------

SIZES = ((1, 32), (256, 32), (4096, 8), (1, 1024))  # matrices, and rows of each
BOUNDS = {torch.float32: 1e-3, torch.float64: 1e-10}
METRICS = {
    "median_ms": ("ms", "lower"),
    "problems_per_s": ("1/s", "higher"),
    "speedup_vs_cpu": ("x", "higher"),
    "max_residual": ("", "lower"),
}


def measure(learner, emit, device):
    """Measure solve_or_lstsq beside inv, pinv and solve, on well-conditioned matrices."""
    methods = {
        "yours": learner.solve_or_lstsq,
        "inv": lambda A, b: torch.linalg.inv(A) @ b,
        "pinv": lambda A, b: torch.linalg.pinv(A) @ b,
        "solve": torch.linalg.solve,
    }
    for count, n in SIZES:
        for dtype in BOUNDS:
            A, b = _well_conditioned(count, n, dtype)
            for name, method in methods.items():
                case = f"{name}-b{count}-n{n}-{str(dtype)[6:]}"
                _measure_case(emit, case, method, (A, b), device)


def _measure_case(emit, case, method, problem, device):
    row = {"device": device, "dtype": str(problem[0].dtype)[6:]}
    if emit.left < 8:
        _report(emit, case, {}, "no time left", row)
        return
    A, b = (each.to(device) for each in problem)
    began = time.perf_counter()
    residual = (A @ method(A, b) - b).abs().max().item()  # which waits for the device
    once = time.perf_counter() - began
    emit.true(residual < BOUNDS[A.dtype], f"The residual of {case} is {residual:.1e}.")
    if emit.left < 8 + 4 * once:
        _report(emit, case, {"max_residual": residual}, "no time left", row)
        return
    timing = emit.time(functools.partial(method, A, b), seconds=0.05)
    values = {
        "median_ms": timing.median * 1e3,
        "problems_per_s": len(A) / timing.median,
        "max_residual": residual,
    }
    if device == "cuda":
        cpu = emit.time(functools.partial(method, *problem), seconds=0.05)
        values["speedup_vs_cpu"] = cpu.median / timing.median
    _report(emit, case, values, "no cuda", row, timing)


def _well_conditioned(count, n, dtype):
    """Return random matrices that are far from singular, and a right side for each."""
    generator = torch.Generator().manual_seed(n)
    A = torch.randn(count, n, n, generator=generator, dtype=dtype) / n**0.5
    return A + 3 * torch.eye(n, dtype=dtype), torch.randn(
        count, n, 1, generator=generator, dtype=dtype
    )


def _report(emit, case, values, why_none, row, timing=None):
    """Emit a row for each metric: its value, or why there is none."""
    for metric, (unit, better) in METRICS.items():
        fields = {"unit": unit, "better": better, **row}
        if metric not in values:
            emit(case, metric, skipped=why_none, **fields)
        elif metric in ("median_ms", "problems_per_s"):
            spread = values[metric] * timing.iqr / timing.median
            emit(case, metric, values[metric], iqr=spread, replicates=timing.replicates, **fields)
        else:
            emit(case, metric, values[metric], **fields)
