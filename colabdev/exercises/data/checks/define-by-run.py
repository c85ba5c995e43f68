"""Checks of define-by-run: graphs whose edges are known, and math for the branches."""

import math
import sys

import torch
import torch.fx

RECURSION_LIMIT = sys.getrecursionlimit()

MUL, ADD, LEAF = "MulBackward0", "AddBackward0", "AccumulateGrad"


def check_note(learner, t):
    """The graph of g = (x + y) * z, and its gradients.

    g = (x + y) * z의 그래프와 기울기.
    """
    x, y, z = (_leaf(t, number) for number in (1.0, 2.0, 3.0))
    g = (x + y) * z
    _edges(learner, t, g, [(MUL, ADD), (MUL, LEAF), (ADD, LEAF), (ADD, LEAF)])
    g.backward()
    t.equal(
        [x.grad.item(), y.grad.item(), z.grad.item()],
        [3.0, 3.0, 3.0],
        ("The graph must stay usable.", "그래프는 그대로 쓸 수 있어야 합니다."),
    )


def check_no_graph(learner, t):
    """Leaves, constants and results under no_grad have no edges.

    잎 텐서, 상수, no_grad에서 나온 결과에는 간선이 없습니다.
    """
    leaf, constant = _leaf(t, 2.0), torch.tensor(3.0, device=t.device)
    _edges(learner, t, leaf, [])
    _edges(learner, t, constant * 2 + constant, [])
    _edges(learner, t, (leaf * 3).detach(), [])
    with torch.no_grad():
        unrecorded = leaf * leaf + constant
    _edges(learner, t, unrecorded, [])
    _edges(
        learner,
        t,
        leaf * constant + constant,
        [(MUL, LEAF), (ADD, MUL)],
        (
            "A constant leaves no node, only None in next_functions.",
            "상수에는 노드가 없고 next_functions에 None만 있습니다.",
        ),
    )


def check_shared_nodes(learner, t):
    """A node that is used several times is visited once; each use is an edge.

    여러 번 쓰인 노드는 한 번만 방문하되, 쓰일 때마다 간선이 하나입니다.
    """
    x = _leaf(t, 3.0)
    why = (
        "x * x has two edges to x. What lies behind a shared node is listed once.",
        "x * x에서 x로 가는 간선은 두 개입니다. 함께 쓰는 노드의 뒤쪽은 한 번만 적습니다.",
    )
    _edges(learner, t, x * x, [(MUL, LEAF)] * 2, why)
    shared = x.exp()
    result = shared * shared + shared
    _edges(
        learner,
        t,
        result,
        [(ADD, MUL), (ADD, "ExpBackward0"), *[(MUL, "ExpBackward0")] * 2, ("ExpBackward0", LEAF)],
        why,
    )
    for _ in range(60):  # 2^60 ways, 60 nodes
        shared = shared + shared
    want = [(ADD, ADD)] * 118 + [(ADD, "ExpBackward0")] * 2 + [("ExpBackward0", LEAF)]
    _edges(learner, t, shared, want, why)


def check_random_graphs(learner, t):
    """Random graphs, whose edges are noted as they are made.

    무작위 그래프. 만들면서 간선을 적어 두었습니다.
    """
    for _ in range(10):
        values = [(_leaf(t, t.random.uniform(0.5, 2)), LEAF) for _ in range(3)]
        values.append((torch.tensor(2.0, device=t.device), None))
        made = []  # for each operation: its result, its name, its inputs
        for _ in range(t.random.randint(3, 12)):
            (a, a_name), (b, b_name) = t.random.choice(values), t.random.choice(values)
            if not a_name:
                a, a_name = values[0]
            kind = t.random.choice("+*r")
            if kind == "r":
                result, name, inputs = a.relu(), "ReluBackward0", [(a, a_name)]
            else:
                result, name = (a + b, ADD) if kind == "+" else (a * b, MUL)
                inputs = [(a, a_name), (b, b_name)]
            values.append((result, name))
            made.append((result, name, inputs))
        _edges(learner, t, made[-1][0], _needed(made))


def check_deep_chain(learner, t):
    """A chain of 5,000 operations, within Python's recursion limit.

    연산 5,000개가 이어진 그래프를 재귀 한도 안에서 처리합니다.
    """
    result = _leaf(t, 1.0)
    for _ in range(5000):
        result = result + 1
    _edges(learner, t, result, [(ADD, ADD)] * 4999 + [(ADD, LEAF)])
    t.equal(
        sys.getrecursionlimit(),
        RECURSION_LIMIT,
        (
            "Keep the recursion limit: a deeper graph would only meet the next one.",
            "재귀 한도를 바꾸지 마세요. 더 깊은 그래프는 새 한도에 또 걸립니다.",
        ),
    )


def check_branches(learner, t):
    """branchy(x) is the root of a positive sum s, else its square.

    branchy(x)는 합 s가 양수면 √s, 아니면 s²입니다.
    """
    numbers = [[t.random.uniform(-2, 2) for _ in range(t.random.randint(1, 5))] for _ in range(6)]
    for row in ([1.0, 3.0], [-1.0, -2.0], [0.25], [-0.25], [0.75, -0.5], [1.5, -1.5], *numbers):
        s = sum(row)
        value, slope = (math.sqrt(s), 0.5 / math.sqrt(s)) if s > 0 else (s * s, 2 * s)
        x = torch.tensor(row, dtype=torch.float64, device=t.device, requires_grad=True)
        got = learner.branchy(x)
        why = (
            f"The sum is {s:.4g}: {'its root' if s > 0 else 'its square'}.",
            f"합이 {s:.4g}이므로 {'제곱근' if s > 0 else '제곱'}입니다.",
        )
        t.equal(got, torch.tensor(value, dtype=torch.float64, device=t.device), why)
        t.true(got.requires_grad, ("A gradient can flow.", "기울기가 흘러야 합니다."))
        got.backward()
        t.equal(
            x.grad,
            torch.full((len(row),), slope, dtype=torch.float64, device=t.device),
            (
                "The gradient of that branch alone. With torch.where, the nan of sqrt gets in.",
                "그 갈래만의 기울기입니다. torch.where를 쓰면 sqrt의 nan이 섞여 들어옵니다.",
            ),
        )


def check_branch_graph(learner, t):
    """Only the branch that is taken belongs to the graph.

    지나간 갈래만 그래프에 들어갑니다.
    """
    for numbers, has_sqrt in (([1.0, 3.0], True), ([-1.0, -2.0], False)):
        x = torch.tensor(numbers, device=t.device, requires_grad=True)
        names = {name for edge in learner.graph_edges(learner.branchy(x)) for name in edge}
        t.equal(
            "SqrtBackward0" in names,
            has_sqrt,
            (
                f"Is a sqrt in the graph of branchy({numbers})? A Python if keeps the other out.",
                f"branchy({numbers})의 그래프에 sqrt가 있나요? 파이썬 if는 다른 갈래를 빼놓습니다.",
            ),
        )
        with torch.no_grad():
            unrecorded = learner.branchy(x)
        _edges(learner, t, unrecorded, [])
    t.raises(
        (torch.fx.proxy.TraceError, TypeError),
        lambda: torch.fx.symbolic_trace(learner.branchy),
        (
            "torch.fx defines the graph first, without numbers, and cannot know the branch.",
            "torch.fx는 값 없이 그래프를 먼저 정의하므로 어느 갈래인지 알 수 없어야 합니다.",
        ),
    )


def _leaf(t, number):
    return torch.tensor(number, device=t.device, requires_grad=True)


def _edges(learner, t, tensor, want, why=""):
    """Compare the edges, in whatever order."""
    got = learner.graph_edges(tensor)
    t.equal(type(got), list, ("Return a list of pairs.", "쌍의 리스트를 돌려주세요."))
    t.equal(
        sorted(tuple(edge) for edge in got),
        sorted(want),
        why or ("The edges, sorted.", "간선을 정렬한 것입니다."),
    )


def _needed(made):
    """Return the edges of the operations that have a part in the last one."""
    needed, edges = {id(made[-1][0])}, []
    for result, name, inputs in reversed(made):
        if id(result) in needed:
            edges += [(name, source) for _, source in inputs if source]
            needed |= {id(tensor) for tensor, _ in inputs}
    return edges
