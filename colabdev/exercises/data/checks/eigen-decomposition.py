"""Checks of eigen-decomposition: matrices made from known eigenvectors are the reference."""

import functools
import time

import torch

COLUMNS = (
    "Column k of V belongs to the k-th eigenvalue: A V minus V with each column scaled.",
    "V의 k번째 열이 k번째 고윳값의 짝입니다. A V에서 열마다 고윳값을 곱한 V를 빼세요.",
)


def check_residual_note(learner, t):
    """The note's matrix, and one that turns by 90 degrees, have small residuals.

    노트의 행렬과 90도 회전하는 행렬은 잔차가 작습니다.
    """
    for rows in ([[1, 2], [1, 2]], [[0, -1], [1, 0]], [[1, 1], [0, 1]]):
        A = torch.tensor(rows, dtype=torch.float64, device=t.device)
        _small(t, learner.eig_residual(A), A, 1e-12)


def check_residual_general(learner, t):
    """eig_residual(A) is small for any matrix, in a batch too, and never complex.

    eig_residual(A)는 어떤 행렬에서도, 묶음에서도 작고, 복소수가 아닙니다.
    """
    for shape in ((6, 6), (4, 5, 5), (2, 3, 4, 4), (3, 1, 1)):
        for dtype, bound in ((torch.float64, 1e-11), (torch.float32, 1e-3)):
            A = _normal(t, *shape).to(dtype)
            _small(t, learner.eig_residual(A), A, bound)


def check_residual_is_rounding(learner, t):
    """What is left is rounding: never quite 0, and a million times more for a million times A.

    남는 것은 반올림 오차입니다. 0은 아니고, A가 백만 배이면 오차도 그만큼 커집니다.
    """
    A = _normal(t, 8, 8)
    for symmetric in (False, True):
        B = A + A.T if symmetric else A
        one, many = (learner.eig_residual(B * scale, symmetric).item() for scale in (1.0, 2.0**20))
        t.true(
            0 < one * 2.0**10 < many < one * 2.0**30,
            (
                f"The residual is {one:.1e} of A, and {many:.1e} of A times 1048576.",
                f"A의 잔차는 {one:.1e}, A의 1048576배의 잔차는 {many:.1e}입니다.",
            ),
        )


def check_residual_symmetric(learner, t):
    """With symmetric=True it is small for symmetric matrices.

    symmetric=True이면 대칭행렬에서 작습니다.
    """
    for shape in ((5, 5), (3, 4, 4)):
        A = _normal(t, *shape)
        A = A + A.mT
        _small(t, learner.eig_residual(A, symmetric=True), A, 1e-11)


def check_residual_unmasks(learner, t):
    """With symmetric=True the residual of other matrices is large, and it is the right number.

    symmetric=True인데 대칭이 아니면 잔차가 크고, 그 값도 맞아야 합니다.
    """
    why = (
        "eigh reads the lower triangle; the residual is that of A itself. "
        "The largest absolute number of each matrix counts.",
        "eigh는 아래쪽 삼각형만 읽지만 잔차는 A 자체로 구합니다. "
        "행렬마다 절댓값이 가장 큰 수입니다.",
    )
    note = torch.tensor([[1, 2], [1, 2]], dtype=torch.float64, device=t.device)
    for A in (note, _normal(t, 5, 5), _normal(t, 4, 3, 3), _normal(t, 2, 3, 4, 4)):
        matrices = A.cpu().reshape(-1, *A.shape[-2:])
        want = torch.stack([_mistaken(matrix) for matrix in matrices]).reshape(A.shape[:-2])
        t.equal(learner.eig_residual(A, symmetric=True), want.to(t.device), why)


def check_diagonalisable(learner, t):
    """is_diagonalisable is True for matrices with n independent eigenvectors.

    독립인 고유벡터가 n개 있으면 is_diagonalisable은 True입니다.
    """
    why = (
        "It has n independent eigenvectors; equal or complex eigenvalues do not matter.",
        "독립인 고유벡터가 n개 있습니다. 고윳값이 같거나 복소수여도 상관없습니다.",
    )
    for rows in (
        [[1, 2], [1, 2]],
        [[0, -1], [1, 0]],
        [[2, 0], [0, 2]],
        [[1, 1], [0, 1 + 2.5e-6]],
        [[0]],
    ):
        A = torch.tensor(rows, dtype=torch.float64, device=t.device)
        t.equal(learner.is_diagonalisable(A), True, why)
    for _ in range(5):
        distinct = [(value, 1) for value in t.random.sample(range(-5, 6), 3)]
        for blocks in (distinct, [(2, 1), (2, 1), (-1, 1)], [(0, 1), (0, 1)]):
            t.equal(learner.is_diagonalisable(_with_blocks(t, blocks)), True, why)


def check_not_diagonalisable(learner, t):
    """is_diagonalisable is False where eigenvectors are missing.

    고유벡터가 모자라면 is_diagonalisable은 False입니다.
    """
    why = (
        "Eigenvectors are missing here. Computed ones differ by rounding and look independent; "
        "the condition number of V tells.",
        "고유벡터가 모자랍니다. 계산한 고유벡터는 반올림만큼 달라서 독립처럼 보이지만 "
        "V의 조건수가 알려 줍니다.",
    )
    for rows in ([[1, 1], [0, 1]], [[0, 1], [0, 0]], [[1, 1], [0, 1 + 1.5e-6]]):
        A = torch.tensor(rows, dtype=torch.float64, device=t.device)
        t.equal(learner.is_diagonalisable(A), False, why)
    for _ in range(5):
        value = t.random.randint(-3, 3)
        for blocks in ([(value, 2)], [(2, 2), (-1, 1)], [(2, 2), (2, 1)], [(value, 3)]):
            t.equal(learner.is_diagonalisable(_with_blocks(t, blocks)), False, why)


def _small(t, got, A, bound):
    kind = (
        "A residual for each matrix, a real number: take abs() before the largest.",
        "행렬마다 잔차가 하나이며 실수입니다. abs() 다음에 가장 큰 수를 고르세요.",
    )
    t.equal(torch.zeros_like(got), torch.zeros(A.shape[:-2], dtype=A.dtype, device=t.device), kind)
    largest = got.max().item()
    t.true(
        0 <= largest < bound,
        (
            f"A V = V diag(L) up to rounding, yet the residual is {largest:.1e}. {COLUMNS[0]}",
            f"A V와 V diag(L)은 반올림만큼만 다른데 잔차가 {largest:.1e}입니다. {COLUMNS[1]}",
        ),
    )


def _normal(t, *shape):
    """Return random float64 matrices, no two of whose eigenvalues are alike."""
    numbers = [t.random.gauss(0, 1) for _ in range(torch.Size(shape).numel())]
    return torch.tensor(numbers, dtype=torch.float64, device=t.device).reshape(shape)


def _mistaken(A):
    """Return the residual if *A* were what its lower triangle says, column by column."""
    lower = A.tril()
    values, vectors = torch.linalg.eigh(lower + lower.T - lower.diag().diag())
    errors = [
        (A @ vector - value * vector).abs().max()
        for value, vector in zip(values, vectors.T, strict=True)
    ]
    return max(errors)


def _with_blocks(t, blocks):
    """Return P J P^-1 in whole numbers, where J has Jordan *blocks*: eigenvalue and size."""
    J = torch.block_diag(
        *(
            value * torch.eye(size) + torch.ones(size, size).tril(1).triu(1)
            for value, size in blocks
        )
    ).double()
    n = len(J)
    lower, upper = (t.tensor(n, n, device="cpu").double().div(4).round() for _ in range(2))
    one = torch.eye(n, dtype=torch.float64)
    P = (lower.tril(-1) + one) @ (upper.triu(1) + one)  # its determinant is 1
    return (P @ J @ torch.linalg.inv(P).round()).to(t.device)


# ---- measurements ------------------------------------------------------------------------------

SIZES = ((256, 32), (4096, 8))  # matrices, and rows of each


def measure(learner, emit, device):
    """Measure eig_residual on many small matrices, symmetric and general."""
    for count, n in SIZES:
        generator = torch.Generator().manual_seed(n)
        general = torch.randn(count, n, n, generator=generator)
        for name, symmetric in (("eigh", True), ("eig", False)):
            A = general + general.mT if symmetric else general
            _measure_case(learner, emit, f"{name}-b{count}-n{n}", A, symmetric, device)


def _measure_case(learner, emit, case, A, symmetric, device):
    row = {"device": device, "dtype": "float32"}
    speed_row = {"unit": "1/s", "better": "higher", **row}
    there = A.to(device)
    began = time.perf_counter()
    residual = learner.eig_residual(there, symmetric).max().item()  # which waits for the device
    once = time.perf_counter() - began
    emit.true(residual < 1e-3, f"The residual of {case} is {residual:.1e}.")
    emit(case, "max_residual", residual, unit="", better="lower", **row)
    if emit.left < 6 * once:
        for metric in ("problems_per_s", "speedup_vs_cpu"):
            emit(case, metric, skipped="no time left", **speed_row)
        return
    timing = emit.time(functools.partial(learner.eig_residual, there, symmetric))
    speed = len(A) / timing.median
    spread = {"replicates": timing.replicates, "iqr": speed * timing.iqr / timing.median}
    emit(case, "problems_per_s", speed, **spread, **speed_row)
    if device == "cpu":
        emit(case, "speedup_vs_cpu", skipped="no cuda", **{**speed_row, "unit": "x"})
    else:
        cpu = emit.time(functools.partial(learner.eig_residual, A, symmetric))
        gain = cpu.median / timing.median
        emit(case, "speedup_vs_cpu", gain, **{**speed_row, "unit": "x"})
