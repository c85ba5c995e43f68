"""Checks of linear-layer: plain sums in Python are the reference."""

import math

import torch
from torch import nn

WRONG_INPUT = (RuntimeError, ValueError)


def check_parameters(learner, t):
    """Head has one nn.Linear, and its parameters are the module's own.

    Head는 nn.Linear 하나를 지니며, 그 파라미터가 모듈의 파라미터입니다.
    """
    sizes = [t.random.randint(2, 9) for _ in range(2)]
    for n_in, n_out in ((4, 10), (3, 3), sizes):
        head = learner.Head(n_in, n_out)
        t.true(isinstance(head, nn.Module), ("Head is an nn.Module.", "Head는 nn.Module입니다."))
        t.equal(
            type(head.linear),
            nn.Linear,
            ("self.linear is the layer.", "self.linear가 그 층입니다."),
        )
        t.equal(
            {name: tuple(each.shape) for name, each in head.named_parameters()},
            {"linear.weight": (n_out, n_in), "linear.bias": (n_out,)},
            (
                "A weight of shape (n_out, n_in) and a bias of n_out numbers, and nothing else.",
                "(n_out, n_in) 모양의 가중치와 수가 n_out개인 편향뿐이어야 합니다.",
            ),
        )


def check_start(learner, t):
    """The weights start at random, as nn.Linear makes them.

    가중치는 nn.Linear가 만든 대로 무작위로 시작합니다.
    """
    n_in = t.random.randint(4, 30)
    one, other = learner.Head(n_in, 40), learner.Head(n_in, 40)
    weight = one.linear.weight.detach()
    t.true(
        not torch.equal(weight, other.linear.weight.detach()),
        ("Two heads start with other weights.", "두 Head의 가중치는 서로 달라야 합니다."),
    )
    bound = 1 / math.sqrt(n_in)
    t.true(
        bool((weight.abs() <= bound).all()) and float(weight.std()) > bound / 3,
        (
            "nn.Linear draws between -1/sqrt(n_in) and 1/sqrt(n_in): leave its start alone.",
            "nn.Linear는 -1/sqrt(n_in)과 1/sqrt(n_in) 사이에서 뽑습니다. 초깃값은 그대로 두세요.",
        ),
    )


def check_forward(learner, t):
    """Each sample times the weights, plus the bias.

    샘플마다 가중치를 곱하고 편향을 더합니다.
    """
    why = (
        "Number j of row i: the sum of sample i times row j of the weight, plus bias j.",
        "i행 j열은 샘플 i와 가중치 j행을 짝끼리 곱해 더하고 편향 j를 더한 값입니다.",
    )
    for shape in ((2, 2), (3, 4), (2, 3, 2), (2, 3, 2, 2), (1, 5), (1, 2, 3)):
        n_out = t.random.randint(1, 6)
        head, x = _head(t, learner, math.prod(shape[1:]), n_out), t.tensor(*shape)
        t.equal(head(x), _reference(head, x), why)
        t.equal(
            head(x),
            _reference(head, x),
            ("The second call uses the same layer.", "두 번째 호출도 같은 층을 씁니다."),
        )
    head = _head(t, learner, 6, 3)
    t.equal(
        head(t.tensor(0, 2, 3)),
        torch.zeros(0, 3, device=t.device),
        ("A batch of no samples has no rows.", "샘플이 없는 배치는 행도 없습니다."),
    )


def check_any_layout(learner, t):
    """A transposed batch works and stays as it was.

    축을 바꾼 배치도 되며, 받은 배치는 그대로입니다.
    """
    x = t.tensor(3, 4, 2).transpose(1, 2)
    before = x.clone()
    head = _head(t, learner, 8, 3)
    t.equal(
        head(x),
        _reference(head, x),
        (
            "view needs neighbours in memory to be neighbours in the tensor; flatten does not.",
            "view는 메모리에서의 순서가 맞아야 쓸 수 있지만 flatten은 그렇지 않습니다.",
        ),
    )
    t.equal(x, before, ("Do not change the batch.", "받은 배치를 바꾸지 마세요."))


def check_no_leakage(learner, t):
    """Row i depends on sample i and on no other.

    i번째 행은 i번째 샘플에만 달려 있습니다.
    """
    count = t.random.randint(2, 5)
    head, x = _head(t, learner, 6, 5), t.tensor(count, 2, 3).requires_grad_()
    with torch.no_grad():
        head.linear.weight.abs_().add_(1)  # no derivative can be zero by chance
    for row in range(count):
        (grad,) = torch.autograd.grad(head(x)[row].sum(), x, materialize_grads=True)
        touched = [bool(sample.any()) for sample in grad]
        t.equal(
            touched,
            [at == row for at in range(count)],
            (
                f"Which samples have a part in row {row}? flatten() without a dimension joins all.",
                f"{row}번 행에 어느 샘플이 쓰였나요? 차원을 주지 않은 flatten()은 전부 잇습니다.",
            ),
        )


def check_wrong_size(learner, t):
    """Samples of another size are an error.

    크기가 다른 샘플은 오류입니다.
    """
    head = _head(t, learner, 4, 3)
    for shape in ((2, 6), (4, 2), (2, 3), (8, 1), (2, 2, 4)):
        x = t.tensor(*shape)
        t.raises(
            WRONG_INPUT,
            lambda x=x: head(x),
            (
                f"Head(4, 3) cannot take the shape {shape}; view(-1, 4) would cut samples apart.",
                f"Head(4, 3)은 {shape}을 받을 수 없습니다. view(-1, 4)는 샘플을 잘라 버립니다.",
            ),
        )


def check_trains(learner, t):
    """The gradients reach the layer, and an optimizer lowers the loss.

    기울기가 층에 닿고, 옵티마이저가 손실을 줄입니다.
    """
    head, x = learner.Head(6, 2).to(t.device), t.tensor(8, 6) / 9
    optimizer = torch.optim.SGD(head.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        loss = (head(x) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    t.true(
        losses[-1] < losses[0],
        (
            f"The loss went from {losses[0]:.3g} to {losses[-1]:.3g} in 20 steps.",
            f"20걸음 동안 손실이 {losses[0]:.3g}에서 {losses[-1]:.3g}(으)로 변했습니다.",
        ),
    )
    double = head.to(torch.float64)
    t.equal(
        double(x.double()).dtype,
        torch.float64,
        ("head.to(torch.float64) converts the layer.", "head.to(torch.float64)는 층도 바꿉니다."),
    )


def _head(t, learner, n_in, n_out):
    """Return a head whose weights are whole numbers, so that sums are exact."""
    head = learner.Head(n_in, n_out).to(t.device)
    with torch.no_grad():
        head.linear.weight.copy_(t.tensor(n_out, n_in))
        head.linear.bias.copy_(t.tensor(n_out))
    return head


def _reference(head, x):
    weight, bias = head.linear.weight.tolist(), head.linear.bias.tolist()
    samples = [[number.item() for number in sample.reshape(-1)] for sample in x]
    rows = [
        [
            float(sum(a * b for a, b in zip(sample, row, strict=True)) + add)
            for row, add in zip(weight, bias, strict=True)
        ]
        for sample in samples
    ]
    return torch.tensor(rows, device=x.device)
