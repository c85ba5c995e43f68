"""Checks of apply-init: every entry of the state is compared with what it must be."""

import torch
from torch import nn

ONLY = (
    "The weights of linear layers, and nothing else.",
    "선형 층의 가중치만 바뀌고 나머지는 그대로여야 합니다.",
)


class Custom(nn.Linear):
    """A subclass, as libraries make them."""


class Deep(nn.Module):
    """Linear layers at several depths, among layers that only look like them."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 1)
        self.norm = nn.BatchNorm1d(4)
        self.words = nn.Embedding(5, 4)
        self.pair = nn.Bilinear(4, 4, 2)
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(nn.Linear(4, 3), nn.ReLU()),
                nn.Sequential(nn.Sequential(Custom(3, 2, bias=False)), nn.Tanh()),
            ]
        )
        self.weight = nn.Parameter(torch.randn(2))
        self.head = Custom(2, 6)


def check_note(learner, t):
    """The note's task: all ones.

    노트의 과제: 전부 1로 채웁니다.
    """
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).to(t.device)
    with torch.no_grad():
        for layer in (net[0], net[2]):
            layer.bias.zero_()
    learner.init_linear(net, 1.0)
    t.equal(
        net(torch.ones(1, 2, device=t.device)).detach(),
        torch.full((1, 1), 6.0, device=t.device),
        ("1 + 1 is 2, three times: 6.", "1 + 1은 2, 그것을 세 번 더하면 6입니다."),
    )


def check_only_linear(learner, t):
    """Every linear weight has the value, all else is as it was.

    선형 층의 가중치는 모두 그 값이고 나머지는 그대로입니다.
    """
    for value in (1.0, 0.0, -2.5, 3, t.random.uniform(-9, 9)):
        net = Deep().to(t.device)
        linear = {"blocks.0.0.weight", "blocks.1.0.0.weight", "head.weight"}
        want = {
            name: torch.full_like(tensor, value) if name in linear else tensor.clone()
            for name, tensor in net.state_dict().items()
        }
        learner.init_linear(net, value)
        t.equal(dict(net.state_dict()), want, ONLY)


def check_subclasses(learner, t):
    """Subclasses of nn.Linear count, such as the one in MultiheadAttention.

    nn.Linear의 하위 클래스도 대상입니다. MultiheadAttention 안의 것도요.
    """
    net = nn.MultiheadAttention(4, 2).to(t.device)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    learner.init_linear(net, 0.5)
    want = {**before, "out_proj.weight": torch.full((4, 4), 0.5, device=t.device)}
    t.equal(
        dict(net.state_dict()),
        want,
        (
            "out_proj is an instance of a subclass of nn.Linear: ask isinstance. in_proj_weight "
            "is a bare parameter and stays.",
            "out_proj는 nn.Linear의 하위 클래스입니다. isinstance로 물으세요. in_proj_weight는 "
            "층이 아닌 파라미터이므로 그대로 둡니다.",
        ),
    )


def check_root(learner, t):
    """net itself may be a linear layer, and comes back.

    net 자신이 선형 층일 수도 있고, net을 돌려줍니다.
    """
    why = ("Return net itself, as apply does.", "apply처럼 net 자신을 돌려주세요.")
    for net in (nn.Linear(3, 2), nn.Sequential(nn.Linear(3, 2)), nn.ReLU()):
        net.to(t.device)
        t.same(learner.init_linear(net, 2.0), net, why)
        for parameter in net.parameters():
            if parameter.dim() == 2:
                want = torch.full((2, 3), 2.0, device=t.device)
                t.equal(parameter.detach(), want, ONLY)


def check_same_parameters(learner, t):
    """The parameters are the same objects, and an optimizer still trains them.

    파라미터는 같은 객체이고 옵티마이저가 계속 학습시킵니다.
    """
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)).to(t.device)
    parameters = dict(net.named_parameters())
    storage = [parameter.data_ptr() for parameter in parameters.values()]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    learner.init_linear(net, 1.0)
    why = (
        "Write into the weight in place: a new Parameter is unknown to the optimizer.",
        "가중치에 제자리로 쓰세요. 새 Parameter를 만들면 옵티마이저가 모릅니다.",
    )
    for name, parameter in net.named_parameters():
        t.same(parameter, parameters[name], why)
    t.equal([parameter.data_ptr() for parameter in net.parameters()], storage, why)
    net(torch.ones(1, 3, device=t.device)).sum().backward()
    optimizer.step()
    t.equal(net[0].weight.detach(), torch.full((2, 3), 0.5, device=t.device), why)


def check_autograd(learner, t):
    """Gradients are needed as before, and autograd knows nothing of it.

    기울기가 필요한지는 그대로이고, autograd에는 기록되지 않습니다.
    """
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)).to(t.device)
    net[0].weight.requires_grad = False
    learner.init_linear(net, 1.0)
    t.equal(
        [parameter.requires_grad for parameter in net.parameters()],
        [False, True, True, True],
        ("What was frozen stays frozen, the rest does not.", "얼린 것만 얼어 있어야 합니다."),
    )
    t.true(
        all(parameter.is_leaf for parameter in net.parameters()),
        ("The parameters are no results of a computation.", "파라미터는 계산 결과가 아닙니다."),
    )
    t.true(
        torch.is_grad_enabled(),
        ("You left autograd switched off.", "autograd를 꺼 둔 채로 끝났습니다."),
    )


def check_seen_by_autograd(learner, t):
    """A graph made before cannot be used with the new weights.

    앞서 만든 그래프를 새 가중치로 쓸 수는 없습니다.
    """
    layer = nn.Linear(3, 2).to(t.device)
    loss = layer.weight.pow(2).sum()
    learner.init_linear(layer, 100.0)
    t.raises(
        RuntimeError,
        loss.backward,
        (
            "The graph needs the old weights. Under no_grad, fill_ tells autograd that they are "
            "gone; through .data they vanish in silence, and the gradient is wrong.",
            "그래프에는 옛 가중치가 필요합니다. no_grad에서 fill_을 쓰면 autograd가 바뀐 것을 "
            "알지만, .data로 바꾸면 아무도 모른 채 틀린 기울기가 나옵니다.",
        ),
    )


def check_again(learner, t):
    """Twice is like once, and the last value holds; dtypes stay.

    두 번 불러도 한 번과 같고, 마지막 값이 남으며, dtype은 그대로입니다.
    """
    for dtype in (torch.float64, torch.float16):
        net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(Custom(2, 2))).to(t.device, dtype)
        bias = net[0].bias.detach().clone()
        for value in (2.0, 2.0, -1.5):
            learner.init_linear(net, value)
            want = torch.full((2, 2), value, dtype=dtype, device=t.device)
            for layer in (net[0], net[1][0]):
                t.equal(layer.weight.detach(), want, ONLY)
        t.equal(net[0].bias.detach(), bias, ONLY)
