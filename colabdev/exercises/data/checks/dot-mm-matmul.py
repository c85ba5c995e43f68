"""Checks of dot-mm-matmul: plain sums in Python are the reference."""

import contextlib

import torch

WRONG_INPUT = (RuntimeError, ValueError, TypeError, IndexError)


def check_inner(learner, t):
    """inner(a, b) is the sum of the products, a 0-d tensor.

    inner(a, b)는 곱을 모두 더한 0차원 텐서입니다.
    """
    why = (
        "Multiply the numbers pair by pair and add all up; a 0-d tensor holds one number.",
        "짝끼리 곱해 모두 더하세요. 0차원 텐서는 수 하나를 담습니다.",
    )
    example = torch.tensor([1.0, 2.0], device=t.device), torch.tensor([3.0, 4.0], device=t.device)
    t.equal(learner.inner(*example), torch.tensor(11.0, device=t.device), why)
    for size in (1, 2, t.random.randint(3, 30)):
        for dtype in (torch.float32, torch.float64):
            a, b = t.tensor(size).to(dtype), t.tensor(size).to(dtype)
            total = sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))
            t.equal(learner.inner(a, b), torch.tensor(total, dtype=dtype, device=t.device), why)


def check_inner_refuses(learner, t):
    """inner refuses what is no pair of vectors of one length.

    inner는 길이가 같은 벡터 두 개가 아니면 거부합니다.
    """
    row = t.tensor(1, 2)
    t.raises(
        WRONG_INPUT,
        lambda: learner.inner(row, row),
        (
            "A row of shape (1, 2) is a matrix and not a vector; a number here hides a mistake.",
            "모양이 (1, 2)인 행은 벡터가 아니라 행렬입니다. 여기서 수를 내면 실수가 감춰집니다.",
        ),
    )
    t.raises(
        WRONG_INPUT,
        lambda: learner.inner(t.tensor(3), t.tensor(1)),
        (
            "3 numbers and 1 number have no inner product; * would broadcast them.",
            "수 3개와 1개 사이에는 내적이 없습니다. *를 쓰면 브로드캐스팅됩니다.",
        ),
    )


def check_outer(learner, t):
    """outer(a, b) is the (m, n) table of all products.

    outer(a, b)는 모든 곱을 담은 (m, n) 표입니다.
    """
    for m, n in ((1, 1), (3, 1), (1, 4), (t.random.randint(2, 6), t.random.randint(7, 9))):
        a, b = t.tensor(m), t.tensor(n)
        table = [[x * y for y in b.tolist()] for x in a.tolist()]
        t.equal(
            learner.outer(a, b),
            torch.tensor(table, device=t.device),
            ("Row i, column j holds a[i] * b[j].", "i행 j열은 a[i] * b[j]입니다."),
        )


def check_batch_apply(learner, t):
    """batch_apply(W, x) multiplies matrices.

    batch_apply(W, x)는 행렬을 곱합니다.
    """
    why = (
        "Row i of W times column j of x: W is (m, k), x is (k, n), the result (m, n).",
        "W의 i행과 x의 j열을 곱해 더합니다. W가 (m, k), x가 (k, n)이면 결과는 (m, n)입니다.",
    )
    sizes = [t.random.randint(1, 5) for _ in range(3)]
    for m, k, n in ((2, 3, 4), (3, 3, 3), sizes):
        W, x = t.tensor(m, k), t.tensor(k, n)
        t.equal(
            learner.batch_apply(W, x),
            torch.tensor(_product(W.tolist(), x.tolist()), device=t.device),
            why,
        )


def check_batch_apply_broadcasts(learner, t):
    """The leading dimensions of batch_apply broadcast.

    batch_apply의 앞쪽 차원은 브로드캐스팅됩니다.
    """
    why = (
        "All dimensions but the last two broadcast: (5, 1, 2, 3) and (6, 3, 4) give (5, 6, 2, 4).",
        "마지막 두 차원을 뺀 나머지는 브로드캐스팅됩니다. "
        "(5, 1, 2, 3)과 (6, 3, 4)는 (5, 6, 2, 4)가 됩니다.",
    )
    batch = t.random.randint(2, 4)
    for left, right in (((batch,), (batch,)), ((batch,), ()), ((), (batch,)), ((5, 1), (6,))):
        W, x = t.tensor(*left, 2, 3), t.tensor(*right, 3, 4)
        lead = torch.broadcast_shapes(left, right)
        pairs = zip(
            W.expand(*lead, 2, 3).reshape(-1, 2, 3).tolist(),
            x.expand(*lead, 3, 4).reshape(-1, 3, 4).tolist(),
            strict=True,
        )
        want = torch.tensor([_product(*pair) for pair in pairs], device=t.device)
        t.equal(learner.batch_apply(W, x), want.reshape(*lead, 2, 4), why)


def _product(left, right):
    """Return the product of two matrices, given as lists of rows."""
    columns = list(zip(*right, strict=True))
    return [
        [float(sum(a * b for a, b in zip(row, column, strict=True))) for column in columns]
        for row in left
    ]


# ---- measurements ------------------------------------------------------------------------------

SIZES = (256, 512, 1024, 2048, 4096)
LARGEST_ON_CPU = 2048

# How far the largest error may be off, as a part of the largest number of the result: a few times
# the rounding of each dtype.
BOUNDS = {"float32": 1e-3, "tf32": 1e-2, "float16": 1e-2, "bfloat16": 5e-2}

METRICS = {
    "median_ms": ("ms", "lower"),
    "tflops": ("TFLOP/s", "higher"),
    "speedup_vs_cpu": ("x", "higher"),
    "max_rel_err_vs_float64": ("", "lower"),
}


def measure(learner, emit, device):
    """Measure batch_apply on square matrices, each size in each dtype the device is good at."""
    cpu, gpu, gpu_with_transfer = {}, {}, {}  # seconds by size, in float32
    slowest = 0.0
    for n in SIZES:
        # About five calls a timing, and eight times the work from one size to the next.
        in_time = emit.left > 5 * 8 * slowest
        if in_time and n <= LARGEST_ON_CPU:
            cpu[n] = emit.time(_product_of(learner, *_matrices(n, "float32", "cpu")))
            slowest = cpu[n].median
        for dtype in BOUNDS:
            case, fields = f"mm-n{n}-{dtype}", {"device": device, "dtype": dtype}
            if reason := _unfit(n, dtype, device) or ("" if in_time else "no time left"):
                _report(emit, case, {}, reason, fields)
                continue
            with _precision(dtype):
                W, x = _matrices(n, dtype, device)
                error = _error(learner.batch_apply(W, x), W, x)
                emit.true(error < BOUNDS[dtype], f"{case} is off by {error:.1e} of the largest.")
                known = device == "cpu" and cpu[n]
                timing = known or emit.time(_product_of(learner, W, x))
            values = {"max_rel_err_vs_float64": error, **_speed(n, timing)}
            if device == "cuda" and n in cpu:
                values["speedup_vs_cpu"] = cpu[n].median / timing.median
            why_none = "no cuda" if device == "cpu" else "not measured on this machine's CPU"
            _report(emit, case, values, why_none, fields, timing)
            if device == "cuda" and dtype == "float32":
                gpu[n] = timing
                gpu_with_transfer[n] = emit.time(_carried(learner, *_matrices(n, dtype, "cpu")))
    _crossover(emit, "mm-crossover", cpu, gpu, device)
    _crossover(emit, "mm-crossover-with-transfer", cpu, gpu_with_transfer, device)


def _unfit(n, dtype, device):
    """Say why a case is not worth a measurement on *device*, or nothing."""
    if device == "cpu":
        if dtype != "float32":
            return "no cuda"
        return f"too large for a CPU (n > {LARGEST_ON_CPU})" if n > LARGEST_ON_CPU else ""
    major, minor = torch.cuda.get_device_capability()
    needed = {"float32": 0, "float16": 7, "tf32": 8, "bfloat16": 8}[dtype]
    return f"{dtype} has no tensor cores on sm{major}{minor}" if major < needed else ""


def _matrices(n, dtype, device):
    generator = torch.Generator().manual_seed(n)
    kind = torch.float32 if dtype == "tf32" else getattr(torch, dtype)
    return [torch.randn(n, n, generator=generator).to(device, kind) for _ in range(2)]


def _product_of(learner, W, x):
    return lambda: learner.batch_apply(W, x)


def _carried(learner, W, x):
    """Return the product with the way to the GPU and back."""
    return lambda: learner.batch_apply(W.to("cuda"), x.to("cuda")).cpu()


@contextlib.contextmanager
def _precision(dtype):
    """Let float32 products use TF32 for the dtype of that name, and full precision otherwise."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if dtype == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _error(got, W, x):
    """Return the largest error of 64 rows, as a part of their largest number in float64."""
    rows = slice(None, None, max(1, len(W) // 64))
    want = W[rows].double() @ x.double()
    return ((got[rows].double() - want).abs().max() / want.abs().max()).item()


def _speed(n, timing):
    """Return time and speed; a product of two n x n matrices takes 2 n^3 operations."""
    return {"median_ms": timing.median * 1e3, "tflops": 2 * n**3 / timing.median / 1e12}


def _report(emit, case, values, why_none, fields, timing=None):
    """Emit a row for each metric: its value, or why there is none."""
    for metric, (unit, better) in METRICS.items():
        row = {"unit": unit, "better": better, **fields}
        if metric not in values:
            emit(case, metric, skipped=why_none, **row)
        elif metric in ("median_ms", "tflops"):
            spread = values[metric] * timing.iqr / timing.median
            emit(case, metric, values[metric], iqr=spread, replicates=timing.replicates, **row)
        else:
            emit(case, metric, values[metric], **row)


def _crossover(emit, case, cpu, gpu, device):
    """Emit the smallest size at which the GPU wins."""
    row = {"unit": "n", "better": "lower", "device": device, "dtype": "float32"}
    wins = [n for n in SIZES if n in cpu and n in gpu and gpu[n].median < cpu[n].median]
    if wins:
        emit(case, "crossover_n", wins[0], **row)
    else:
        reason = "no cuda" if device == "cpu" else "the GPU won at no size"
        emit(case, "crossover_n", skipped=reason, **row)
