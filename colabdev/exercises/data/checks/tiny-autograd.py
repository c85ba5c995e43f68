"""Checks of tiny-autograd: torch in float64 is the reference."""

import sys

import torch

RECURSION_LIMIT = sys.getrecursionlimit()


def check_forward(learner, t):
    """+, *, ** and relu compute the right numbers.

    +, *, **, relu가 맞는 수를 계산합니다.
    """
    for _ in range(5):
        a, b = t.random.uniform(-3, 3), t.random.uniform(-3, 3)
        x, y = learner.Value(a), learner.Value(b)
        for name, got, want in (
            ("x + y", x + y, a + b),
            ("x + 2.5", x + 2.5, a + 2.5),
            ("2.5 + x", 2.5 + x, 2.5 + a),
            ("x * y", x * y, a * b),
            ("x * 2.5", x * 2.5, a * 2.5),
            ("2.5 * x", 2.5 * x, 2.5 * a),
            ("x ** 3", x**3, a**3),
            ("x.relu()", x.relu(), max(a, 0.0)),
        ):
            is_value = isinstance(got, learner.Value)
            t.true(is_value, (f"{name} gives a Value.", f"{name}의 결과는 Value입니다."))
            t.equal(float(got.data), want, (f"This is {name}.", f"{name}의 값입니다."))
        t.equal(
            float(x.data), a, ("An operation changes no input.", "연산은 입력을 바꾸지 않습니다.")
        )


def check_note(learner, t):
    """The examples: 10w² + 25 at 2, and (x + y)z.

    예제 확인: w가 2일 때 10w² + 25, 그리고 (x + y)z.
    """
    w = learner.Value(2.0)
    (10 * w**2 + 25).backward()
    t.equal(
        float(w.grad), 40.0, ("10w² + 25 has the slope 20w.", "10w² + 25의 기울기는 20w입니다.")
    )
    x, y, z = (learner.Value(number) for number in (1.0, 2.0, 3.0))
    result = (x + y) * z
    result.backward()
    grads = [float(value.grad) for value in (x, y, z, result)]
    t.equal(
        grads,
        [3.0, 3.0, 3.0, 1.0],
        (
            "Of x * y, the slope for x is y; of x + y, it is 1; for the result itself it is 1.",
            "x * y를 x로 미분하면 y, x + y는 1입니다. 결과 자신의 기울기는 1입니다.",
        ),
    )


def check_relu_and_power(learner, t):
    """relu and ** have the slopes that torch gives.

    relu와 **의 기울기가 torch와 같습니다.
    """
    for number in (-2.0, 0.0, 1.5, t.random.uniform(-2, 2)):
        x, reference = learner.Value(number), _leaf(number)
        x.relu().backward()
        reference.relu().backward()
        t.equal(
            float(x.grad),
            reference.grad.item(),
            (
                f"relu at {number:.3g}: 1 above 0, else 0.",
                f"{number:.3g}에서 relu: 0보다 크면 1, 아니면 0.",
            ),
        )
    for exponent in (2, 3, -1, 0.5, 0):
        number = t.random.uniform(0.5, 3)
        x, reference = learner.Value(number), _leaf(number)
        (x**exponent).backward()
        (reference**exponent).backward()
        t.equal(
            float(x.grad),
            reference.grad.item(),
            (f"The slope of x ** {exponent}.", f"x ** {exponent}의 기울기입니다."),
        )


def check_reuse(learner, t):
    """A value used several times receives all its gradients.

    여러 번 쓰인 값은 기울기를 모두 받습니다.
    """
    why = (
        "Gradients that come in over several ways add up: += and not =.",
        "여러 길로 들어온 기울기는 더합니다. =이 아니라 +=입니다.",
    )
    x = learner.Value(3.0)
    (x * x + x).backward()
    t.equal(float(x.grad), 7.0, why)
    a = learner.Value(t.random.uniform(-2, 2))
    left, right = a * 2, a * 3
    (left * right + left).backward()
    t.equal(float(a.grad), 12 * a.data + 2, why)
    w = learner.Value(2.0)
    for _ in range(3):
        (10 * w**2 + 25).backward()
    t.equal(
        float(w.grad),
        120.0,
        (
            "Three separate backward() calls add up in the leaf, as they do in torch.",
            "backward()를 따로 세 번 부르면 torch처럼 잎 노드에 더해집니다.",
        ),
    )


def check_random_expressions(learner, t):
    """Random expressions have the gradients that torch finds.

    무작위 식의 기울기가 torch의 결과와 같습니다.
    """
    for _ in range(20):
        numbers = [t.random.uniform(-2, 2) for _ in range(3)]
        ours = [learner.Value(number) for number in numbers]
        theirs = [_leaf(number) for number in numbers]
        steps = [
            (t.random.choice("+*^r.+*"), t.random.random(), t.random.random()) for _ in range(15)
        ]
        result, reference = _expression(ours, steps), _expression(theirs, steps)
        t.equal(float(result.data), reference.item(), ("The value itself.", "식의 값입니다."))
        result.backward()
        reference.backward()
        for value, leaf in zip(ours, theirs, strict=True):
            t.equal(
                float(value.grad),
                0.0 if leaf.grad is None else leaf.grad.item(),
                (
                    "A random expression of + * ** relu that uses its values again and again.",
                    "값을 여러 번 다시 쓰는 + * ** relu의 무작위 식입니다.",
                ),
            )


def check_doubling(learner, t):
    """60 doublings in a row: each node is visited once.

    두 배 만들기 60번: 노드마다 한 번만 방문합니다.
    """
    x = learner.Value(1.0)
    result = x
    for _ in range(60):
        result = result + result
    result.backward()
    t.equal(
        float(x.grad),
        2.0**60,
        (
            "There are 2^60 paths but only 61 nodes: visit nodes, and the last one first.",
            "경로는 2^60개지만 노드는 61개뿐입니다. 경로가 아니라 노드를, 뒤에서부터 방문하세요.",
        ),
    )


def check_deep_chain(learner, t):
    """A chain of 5,000 operations, within Python's recursion limit.

    연산 5,000개가 이어진 식을 파이썬의 재귀 한도 안에서 처리합니다.
    """
    start = t.random.uniform(0.5, 1.0)
    x, reference = learner.Value(start), _leaf(start)
    result, expected = x, reference
    for at in range(2500):
        result = result * 0.999 + 0.001 if at % 2 else result * 1.001 + x * 0.001
        expected = expected * 0.999 + 0.001 if at % 2 else expected * 1.001 + reference * 0.001
    result.backward()
    expected.backward()
    t.equal(
        float(x.grad), reference.grad.item(), ("The chain's gradient.", "이어진 식의 기울기입니다.")
    )
    t.equal(
        sys.getrecursionlimit(),
        RECURSION_LIMIT,
        (
            "Keep the recursion limit: a deeper network would only meet the next one.",
            "재귀 한도를 바꾸지 마세요. 더 깊은 신경망은 새 한도에 또 걸립니다.",
        ),
    )


def _leaf(number):
    return torch.tensor(number, dtype=torch.float64, requires_grad=True)


def _expression(leaves, steps):
    """Build the same expression from Values or from tensors; numbers stay near 1 by scaling."""
    values = list(leaves)
    for operation, first, second in steps:
        a, b = values[int(first * len(values))], values[int(second * len(values))]
        if operation == "+":
            made = a + b
        elif operation == "*":
            made = a * b
        elif operation == "^":
            made = a**2
        elif operation == "r":
            made = a.relu()
        else:
            made = 0.5 * a + 1
        size = abs(float(made.data))
        values.append(made * (1 / size) if size > 4 else made)
    result = values[-1]
    for value in values[:-1]:
        result = result + value * 0.1
    return result
