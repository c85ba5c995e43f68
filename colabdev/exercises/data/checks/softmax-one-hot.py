"""Checks of softmax-one-hot: exponentials in plain Python are the reference."""

import functools
import math

import torch

WRONG_CLASS = (RuntimeError, ValueError, IndexError)


def check_probabilities(learner, t):
    """probabilities(logits) is exp of each score, divided by their sum.

    probabilities(logits)는 점수마다 exp를 구해 그 합으로 나눈 것입니다.
    """
    why = (
        "exp(score) / sum of exp(scores), over the classes: the last dim.",
        "exp(점수) / exp(점수)의 합이며, 클래스는 마지막 차원입니다.",
    )
    note = torch.tensor([0.5, 0.5, 1.0], device=t.device)
    want = torch.tensor([0.27406862, 0.27406862, 0.45186276], device=t.device)
    t.equal(learner.probabilities(note), want, why)
    for shape in ((1,), (5,), (4, 3), (3, 3), (2, 3, 4), (2, 2, 3, 5), (0, 3)):
        for dtype in (torch.float32, torch.float64):
            _compare(learner, t, (t.tensor(*shape) / 4).to(dtype), why)


def check_probabilities_large(learner, t):
    """Scores of 1000 and of -1000 are ordinary input.

    점수가 1000이나 -1000이어도 문제없습니다.
    """
    why = (
        "exp(1000) is inf and exp(-1000) is 0. The same number taken off every score changes no "
        "probability: take off the largest.",
        "exp(1000)은 inf, exp(-1000)은 0입니다. 모든 점수에서 같은 수를 빼도 확률은 같으므로 "
        "가장 큰 점수를 빼세요.",
    )
    for shift in (1000.0, -1000.0):
        _compare(learner, t, t.tensor(4, 3) / 4 + shift, why)
    rows = [[1000.0, 0.0, -1000.0], [1000.0, 1000.0, 999.0], [-1000.0, 2.0, 1.0]]
    _compare(learner, t, torch.tensor(rows, device=t.device), why)
    half = torch.tensor([[1000.0, 1000.0]], dtype=torch.float16, device=t.device)
    t.equal(learner.probabilities(half), torch.full_like(half, 0.5), why)


def check_probabilities_impossible(learner, t):
    """A score of -inf has the probability 0.

    점수 -inf의 확률은 0입니다.
    """
    rows = [[-math.inf, 1.0, 2.0], [0.0, -math.inf, -math.inf]]
    why = ("exp(-inf) is 0: this class is out.", "exp(-inf)는 0입니다. 이 클래스는 빠집니다.")
    _compare(learner, t, torch.tensor(rows, device=t.device), why)


def check_probabilities_keeps(learner, t):
    """logits stay as they were, and gradients flow back to them.

    logits는 그대로이고, 기울기도 거기까지 흐릅니다.
    """
    logits = t.tensor(2, 3).requires_grad_()
    before = logits.detach().clone()
    learner.probabilities(logits)[:, 0].sum().backward()
    t.equal(logits.detach(), before, ("Work on a new tensor.", "새 텐서를 만드세요."))
    p = torch.tensor([_softmax(row) for row in before.tolist()], device=t.device)
    want = p[:, :1] * (torch.tensor([1.0, 0.0, 0.0], device=t.device) - p)
    t.equal(logits.grad, want, ("Do not detach: training needs it.", "detach하지 마세요."))


def check_encode(learner, t):
    """encode(idx, n) has a 1 in the place of the class.

    encode(idx, n)은 클래스 자리만 1입니다.
    """
    why = (
        "One row of n numbers for each class number: 1 in its place, else 0, as int64.",
        "번호마다 수 n개짜리 한 줄입니다. 그 자리만 1이고 나머지는 0인 int64입니다.",
    )
    for shape in ((), (1,), (6,), (2, 3), (2, 1, 4)):
        for n in (1, 3, t.random.randint(4, 9)):
            _compare_codes(learner, t, shape, [t.random.randrange(n) for _ in range(24)], n, why)


def check_encode_width(learner, t):
    """The width is n, whatever the data holds.

    데이터가 무엇이든 너비는 n입니다.
    """
    for shape, classes, n, english, korean in (
        ((), [0], 3, "class 0 only", "0번 클래스뿐일 때"),
        ((4,), [0, 0, 0, 0], 3, "class 0 only", "0번 클래스뿐일 때"),
        ((2,), [0, 2], 4, "the last class absent", "마지막 클래스가 없을 때"),
        ((0,), [], 4, "an empty batch", "비어 있을 때"),
    ):
        why = (
            f"There are {n} classes ({english}): say so, or one_hot guesses.",
            f"클래스는 {n}개입니다({korean}). 알려 주지 않으면 one_hot이 짐작합니다.",
        )
        _compare_codes(learner, t, shape, classes, n, why)


def check_encode_refuses(learner, t):
    """A class that does not exist is an error.

    없는 클래스는 오류입니다.
    """
    for wrong in (-1, 3):
        idx = torch.tensor([0, wrong])  # on the CPU: on a GPU this would end the process
        why = (f"{wrong} is none of 3 classes.", f"{wrong}번은 클래스 3개에 없습니다.")
        t.raises(WRONG_CLASS, lambda idx=idx: learner.encode(idx, 3), why)


def _softmax(scores):
    top = max(scores)
    parts = [math.exp(score - top) for score in scores]
    return [part / sum(parts) for part in parts]


def _compare(learner, t, logits, why):
    rows = logits.reshape(-1, logits.shape[-1]).tolist()
    want = torch.tensor([_softmax(row) for row in rows], dtype=logits.dtype, device=t.device)
    t.equal(learner.probabilities(logits), want.reshape(logits.shape), why)


def _compare_codes(learner, t, shape, classes, n, why):
    """Check the first numbers of *classes*, as many as *shape* has places for."""
    classes = classes[: math.prod(shape)]
    idx = torch.tensor(classes, dtype=torch.int64, device=t.device).reshape(shape)
    codes = [[int(place == each) for place in range(n)] for each in classes]
    want = torch.tensor(codes, dtype=torch.int64, device=t.device).reshape(*shape, n)
    t.equal(learner.encode(idx, n), want, why)


# ---- measurements ------------------------------------------------------------------------------

ROWS, CLASSES = 100_000, 100


def measure(learner, emit, device):
    """Measure probabilities() beside the formula written by hand, which makes four passes."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(ROWS, CLASSES, generator=generator).to(device)
    got = learner.probabilities(logits)
    emit.true(torch.allclose(got, _by_hand(logits), atol=1e-6), "The two ways differ.")
    finite = learner.probabilities(logits + 1000).isfinite().all().item()
    emit.true(finite, "Scores of 1000 give no finite probabilities.")
    case, row = f"softmax-{ROWS}x{CLASSES}", {"device": device, "dtype": "float32"}
    timings = {}
    for name, function in (("yours", learner.probabilities), ("by-hand", _by_hand)):
        timing = timings[name] = emit.time(functools.partial(function, logits))
        speed = 2 * logits.nbytes / timing.median / 1e9  # every number is read and written
        spread = {"replicates": timing.replicates, "iqr": speed * timing.iqr / timing.median}
        known = {"unit": "GB/s", "better": "higher", **spread, **row}
        emit(f"{case}-{name}", "gb_per_s", speed, **known)
    gain = timings["by-hand"].median / timings["yours"].median
    emit(f"{case}-yours", "speedup_fused", gain, unit="x", better="higher", **row)


def _by_hand(logits):
    parts = (logits - logits.amax(dim=-1, keepdim=True)).exp()
    return parts / parts.sum(dim=-1, keepdim=True)
