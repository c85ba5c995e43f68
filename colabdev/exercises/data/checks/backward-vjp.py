"""Checks of backward-vjp: derivatives written out by hand."""

import functools
import math

import torch

V_TIMES_J = (
    "Number j is the sum over i of v[i] times the derivative of output i by input j.",
    "j번째 수는 v[i]에 출력 i를 입력 j로 미분한 값을 곱해 모든 i에 대해 더한 것입니다.",
)


def check_note(learner, t):
    """The note's Q = 3a³ - b², with v = [1, 1], [0, 1] and others.

    노트의 Q = 3a³ - b²을 v = [1, 1], [0, 1] 등으로 미분합니다.
    """
    a, b = _vector(t, [2.0, 3.0]), _vector(t, [6.0, 4.0])
    for v in ([1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [t.random.randint(-5, 5) + 0.5, -2.0]):
        want = (
            _vector(t, [36 * v[0], 81 * v[1]]),
            _vector(t, [-12 * v[0], -8 * v[1]]),
        )
        t.equal(learner.grads(_note, [a, b], _vector(t, v)), want, V_TIMES_J)


def check_linear(learner, t):
    """Each output depends on each input: W x + c.

    출력마다 모든 입력이 쓰이는 W x + c.
    """
    for m, n in ((1, 1), (2, 3), (t.random.randint(2, 5), t.random.randint(2, 5))):
        W, x, v = t.tensor(m, n), t.tensor(n), t.tensor(m)
        c = t.tensor(m)
        of_x = [sum(v[i].item() * W[i, j].item() for i in range(m)) for j in range(n)]
        of_W = [[v[i].item() * x[j].item() for j in range(n)] for i in range(m)]
        t.equal(
            learner.grads(lambda W, x, c: W @ x + c, (W, x, c), v),
            (_vector(t, of_W), _vector(t, of_x), v),
            V_TIMES_J,
        )


def check_one_number(learner, t):
    """Without v, the result must be one number.

    v가 없으면 결과는 수 하나여야 합니다.
    """
    x = t.tensor(2, 3)
    for numbers in (x, x.double()):
        t.equal(
            learner.grads(lambda x: (x**2).sum(), [numbers]),
            (2 * numbers,),
            ("The gradient of the sum of squares is 2x.", "제곱의 합의 기울기는 2x입니다."),
        )
    t.equal(learner.grads(torch.exp, [x[0, 0]]), (x[0, 0].exp(),))
    for f, v in ((torch.exp, None), (torch.exp, t.tensor(3)), (torch.sum, t.tensor(2))):
        t.raises(
            RuntimeError,
            lambda f=f, v=v: learner.grads(f, [x], v),
            (
                "A result of several numbers needs a v of its shape: leave it to torch to refuse.",
                "결과가 여러 수이면 모양이 같은 v가 필요합니다. 거부하는 일은 torch에 맡기세요.",
            ),
        )


def check_unused(learner, t):
    """An input that f makes no use of has the gradient 0.

    f가 쓰지 않는 입력의 기울기는 0입니다.
    """
    a, b, c = t.tensor(2), t.tensor(3, 2).double(), t.tensor()
    t.equal(
        learner.grads(lambda a, *_: a * a, [a, b, c], torch.ones(2, device=t.device)),
        (2 * a, torch.zeros_like(b), torch.zeros_like(c)),
        (
            "Zeros in the shape and dtype of the input, and not None.",
            "None이 아니라 입력과 모양과 dtype이 같은 0입니다.",
        ),
    )


def check_same_tensor_twice(learner, t):
    """A tensor that is given twice is two inputs.

    두 번 준 텐서는 두 개의 입력입니다.
    """
    for x in (t.tensor(4), t.tensor(4).requires_grad_()):
        plain = x.detach()
        t.equal(
            learner.grads(lambda a, b: a * a * b, [x, x], torch.ones(4, device=t.device)),
            (2 * plain * plain, plain * plain),
            (
                "The derivative for the first alone is 2ab, for the second alone a².",
                "첫째만으로 미분하면 2ab, 둘째만으로 미분하면 a²입니다.",
            ),
        )


def check_nothing_is_left(learner, t):
    """No grad is added to, no tensor changes, and nothing hangs on the result.

    grad에 더하지 않고, 텐서를 바꾸지 않으며, 결과에 그래프가 붙지 않습니다.
    """
    plain, leaf, weight = t.tensor(3), t.tensor(3).requires_grad_(), t.tensor(3).requires_grad_()
    leaf.grad = t.tensor(3)
    middle = leaf * 2
    v, xs = t.tensor(3), [plain, leaf, middle]
    before = [each.detach().clone() for each in (*xs, weight, leaf.grad, v)]
    for _ in range(2):
        got = learner.grads(lambda a, b, c: a * b * c * weight, xs, v)
        a, b, c, w = (each.detach() for each in (*xs, weight))
        t.equal(
            got,
            (b * c * w * v, a * c * w * v, a * b * w * v),
            ("The second call gives the same.", "두 번째 호출도 결과가 같습니다."),
        )
        t.equal(
            [each.requires_grad for each in got],
            [False] * 3,
            ("The gradients are plain numbers.", "기울기에는 그래프가 붙지 않습니다."),
        )
    t.equal(
        [each.detach() for each in (*xs, weight, leaf.grad, v)],
        before,
        ("Tensors and grad stay as they were.", "텐서와 grad는 그대로여야 합니다."),
    )
    t.equal([each.requires_grad for each in xs], [False, True, True])
    t.true(
        plain.grad is None and weight.grad is None,
        (
            "backward() would add to the grad of every leaf, also of those that f brings along.",
            "backward()는 f가 끌어 쓰는 것까지 모든 잎의 grad에 더합니다.",
        ),
    )


def check_called_once(learner, t):
    """f is called once, with as many tensors as xs holds.

    f를 한 번만, xs에 든 만큼의 텐서로 부릅니다.
    """
    calls = []

    def f(*inputs):
        calls.append(len(inputs))
        return functools.reduce(torch.add, inputs)

    count = t.random.randint(2, 5)
    v = t.tensor(4)
    t.equal(learner.grads(f, [t.tensor(4) for _ in range(count)], v), (v,) * count)
    t.equal(
        calls,
        [count],
        (
            "One forward pass is enough for any v; J itself is never needed.",
            "v가 무엇이든 순전파는 한 번이면 되고, J 자체는 필요 없습니다.",
        ),
    )


def check_random_chains(learner, t):
    """Chains of sin, exp and products have the slopes of the chain rule.

    sin, exp, 곱을 이은 식의 기울기가 연쇄법칙과 같습니다.
    """
    for _ in range(10):
        steps = [t.random.choice("se*") for _ in range(t.random.randint(1, 6))]
        numbers = [t.random.uniform(-1, 1) for _ in range(3)]
        v = [t.random.uniform(-2, 2) for _ in range(3)]
        want = [factor * _slope(number, steps) for number, factor in zip(numbers, v, strict=True)]
        x, v, want = (_vector(t, each, torch.float64) for each in (numbers, v, want))
        t.equal(learner.grads(lambda x, steps=steps: _chain(x, steps), [x], v), (want,))


def _note(a, b):
    return 3 * a**3 - b**2


def _vector(t, numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype, device=t.device)


def _chain(x, steps):
    for step in steps:
        x = {"s": torch.sin, "e": lambda x: (x / 2).exp(), "*": lambda x: x * x}[step](x)
    return x


def _slope(number, steps):
    """Return the derivative of the chain at *number*: value and slope, step by step."""
    slope = 1.0
    for step in steps:
        if step == "s":
            number, slope = math.sin(number), slope * math.cos(number)
        elif step == "e":
            number = math.exp(number / 2)
            slope *= number / 2
        else:
            number, slope = number * number, slope * 2 * number
    return slope


# ---- measurements ------------------------------------------------------------------------------

DEPTHS = (10, 100)
WIDTH = 1024
BATCH = 16

METRICS = {"forward_ms": "ms", "backward_ms": "ms", "ratio": "x", "peak_memory_mb": "MB"}
WITHOUT_GRAPH = ("forward_ms", "peak_memory_mb")  # what there is to measure with no gradient


def measure(learner, emit, device):
    """Measure forward and backward through chains of layers, and what the graph costs."""
    slowest = 0.0
    for depth in DEPTHS:
        case = f"chain-d{depth}-w{WIDTH}"
        # About ten passes, each ten times as long as those through the chain before.
        if emit.left < 10 * 10 * slowest:
            _skip(emit, case, METRICS, device)
            _skip(emit, f"{case}-no-grad", WITHOUT_GRAPH, device)
            continue
        f, (x, W) = functools.partial(_layers, depth=depth), _inputs(device)
        v, leaves = torch.ones_like(x), [each.clone().requires_grad_() for each in (x, W)]
        emit.true(_is_right(learner, f, x, W, v), f"The gradients of {case} are wrong.")
        both = emit.time(functools.partial(learner.grads, f, (x, W), v))
        slowest = both.median
        forward = _forward(emit, case, functools.partial(f, *leaves), device)
        _backward(emit, case, both, forward, device)
        # Nothing here requires a gradient, so that no graph is made.
        _forward(emit, f"{case}-no-grad", functools.partial(f, x, W), device)


def _layers(x, W, depth):
    for _ in range(depth):
        x = (x @ W).tanh()
    return x


def _inputs(device):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, WIDTH, generator=generator)
    # Numbers of this size neither die out nor explode on their way through the chain.
    W = torch.randn(WIDTH, WIDTH, generator=generator) / WIDTH**0.5
    return x.to(device), W.to(device)


def _is_right(learner, f, x, W, v):
    """Compare with what backward() leaves in grad."""
    leaves = [each.clone().requires_grad_() for each in (x, W)]
    f(*leaves).backward(v)
    return all(
        bool((got - leaf.grad).abs().max() <= 1e-4 * leaf.grad.abs().max())
        for got, leaf in zip(learner.grads(f, (x, W), v), leaves, strict=True)
    )


def _forward(emit, case, forward, device):
    """Emit the time of *forward*, and the memory it takes at most, its inputs not counted."""
    timing = emit.time(forward)
    spread = {"iqr": timing.iqr * 1e3, "replicates": timing.replicates}
    _report(emit, case, "forward_ms", timing.median * 1e3, device, **spread)
    if device == "cpu":
        _report(emit, case, "peak_memory_mb", None, device, skipped="no cuda")
        return timing
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    forward()
    torch.cuda.synchronize()
    peak = (torch.cuda.max_memory_allocated() - before) / 2**20
    _report(emit, case, "peak_memory_mb", peak, device)
    return timing


def _backward(emit, case, both, forward, device):
    """Emit what *both* ways take more than the way *forward*."""
    seconds = both.median - forward.median
    spread = {"iqr": math.hypot(both.iqr, forward.iqr) * 1e3, "replicates": both.replicates}
    _report(emit, case, "backward_ms", seconds * 1e3, device, **spread)
    _report(emit, case, "ratio", seconds / forward.median, device)


def _skip(emit, case, metrics, device):
    for metric in metrics:
        _report(emit, case, metric, None, device, skipped="no time left")


def _report(emit, case, metric, value, device, **more):
    fields = {"unit": METRICS[metric], "better": "lower", "device": device, "dtype": "float32"}
    emit(case, metric, value, **fields, **more)
