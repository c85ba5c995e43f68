"""Checks of edit-parameters: values, sameness, and what an optimizer does afterwards."""

import ast

import torch
from torch import nn

SAME = (
    "Write into the parameter in place: the optimizer holds this object and no other.",
    "파라미터에 제자리로 쓰세요. 옵티마이저는 바로 이 객체를 붙들고 있습니다.",
)


def check_note(learner, t):
    """The note's example: all ones, in every parameter's own shape.

    노트의 예제: 파라미터마다 제 모양 그대로 전부 1입니다.
    """
    net = nn.Linear(2, 2).to(t.device)
    learner.set_and_freeze(net, lambda _name, _param: torch.tensor([1], device=t.device))
    t.equal(
        net(torch.ones(1, 2, device=t.device)).detach(),
        torch.tensor([[3.0, 3.0]], device=t.device),
        (
            "1 + 1 and the bias 1 make 3, if the weight is still (2, 2) and float32.",
            "가중치가 여전히 (2, 2)이고 float32라면 1 + 1에 편향 1을 더해 3입니다.",
        ),
    )


def check_values(learner, t):
    """Numbers and tensors of any dtype are written; shape and dtype stay.

    수와 텐서를 dtype에 상관없이 써넣고, 모양과 dtype은 그대로입니다.
    """
    why = (
        "The values of fn, in the parameter's own shape and dtype; buffers stay.",
        "fn이 준 값을 파라미터의 모양과 dtype으로 씁니다. 버퍼는 그대로입니다.",
    )
    for dtype in (torch.float32, torch.float64, torch.float16):
        net = _net().to(t.device, dtype)
        new, want = {}, {name: buffer.clone() for name, buffer in net.named_buffers()}
        for name, param in net.named_parameters():
            whole = t.tensor(*param.shape)
            new[name] = t.random.choice(
                (whole, whole.long(), whole.double(), whole[:1], 7, 0, -2.5, True)
            )
            given = torch.as_tensor(new[name], device=t.device).to(dtype)
            want[name] = given.expand(param.shape).clone()
        learner.set_and_freeze(net, lambda name, _param, new=new: new[name])
        got = dict(net.state_dict())
        t.equal({name: got[name] for name in want}, want, why)


def check_calls(learner, t):
    """fn gets each name and the parameter itself, once, in order.

    fn은 이름과 파라미터 자신을 순서대로 한 번씩 받습니다.
    """
    net, calls = _net().to(t.device), []
    net.tied = net[0]  # one layer under two names is still visited once
    old = {name: param.detach().clone() for name, param in net.named_parameters()}

    def double(name, param):
        calls.append((name, param))
        return param * 2

    learner.set_and_freeze(net, double)
    t.equal(
        [name for name, _ in calls],
        [name for name, _ in net.named_parameters()],
        ("Go through named_parameters(), once.", "named_parameters()를 한 번만 도세요."),
    )
    for name, param in net.named_parameters():
        t.same(dict(calls)[name], param, ("fn gets the parameter.", "fn은 파라미터를 받습니다."))
        t.equal(
            param.detach(),
            old[name] * 2,
            (
                "fn may compute the new values from the old.",
                "옛 값으로 새 값을 계산할 수 있습니다.",
            ),
        )


def check_frozen(learner, t):
    """Nothing needs a gradient, nothing has one, and net comes back.

    기울기가 필요하거나 남아 있는 파라미터가 없고, net을 돌려줍니다.
    """
    net = _net().to(t.device)
    net(torch.ones(4, 3, device=t.device)).sum().backward()
    was_training = [module.training for module in net.modules()]
    t.same(
        learner.set_and_freeze(net, lambda _, param: param),
        net,
        ("Return net itself.", "net 자신을 돌려주세요."),
    )
    count = len(list(net.parameters()))
    t.equal(
        [param.requires_grad for param in net.parameters()],
        [False] * count,
        ("Every parameter is frozen.", "모든 파라미터가 얼어 있어야 합니다."),
    )
    t.equal(
        [param.grad for param in net.parameters()],
        [None] * count,
        (
            "An old gradient is still there; optimizer.step() would apply it, frozen or not.",
            "옛 기울기가 남아 있습니다. 얼렸더라도 optimizer.step()이 그것을 적용합니다.",
        ),
    )
    t.equal([module.training for module in net.modules()], was_training)
    t.true(torch.is_grad_enabled(), ("Autograd is left switched off.", "autograd가 꺼진 채입니다."))


def check_optimizer(learner, t):
    """An optimizer made before leaves frozen weights alone, and trains them when thawed.

    앞서 만든 옵티마이저는 언 가중치를 건드리지 않고, 녹이면 다시 학습시킵니다.
    """
    net = nn.Linear(3, 1).to(t.device)
    param, where = net.weight, net.weight.data_ptr()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9, weight_decay=0.1)
    x = torch.ones(1, 3, device=t.device)
    net(x).sum().backward()
    optimizer.step()
    learner.set_and_freeze(net, lambda _name, _param: 1.0)
    t.same(net.weight, param, SAME)
    t.equal(net.weight.data_ptr(), where, SAME)
    optimizer.step()
    t.equal(
        net.weight.detach(),
        torch.ones(1, 3, device=t.device),
        ("A frozen weight has moved.", "언 가중치가 움직였습니다."),
    )
    net.requires_grad_(True)
    net(x).sum().backward()
    before = net.weight.detach().clone()
    optimizer.step()
    t.true(bool((net.weight != before).all()), SAME)


def check_autograd_notices(learner, t):
    """A graph made before must not go on with the new numbers.

    앞서 만든 그래프가 새 값으로 계산을 이어 가면 안 됩니다.
    """
    layer = nn.Linear(1, 1, bias=False).to(t.device)
    y = (layer.weight**2).sum()
    learner.set_and_freeze(layer, lambda _name, _param: 100.0)
    t.raises(
        RuntimeError,
        y.backward,
        (
            "y = w² was computed with the old w. In place under no_grad, autograd knows that it "
            "is gone and says so; through .data it would give 200, which was never the slope.",
            "y = w²은 옛 w로 계산했습니다. no_grad에서 제자리로 바꾸면 autograd가 알고 오류를 "
            "내지만, .data로 바꾸면 한 번도 기울기였던 적이 없는 200이 나옵니다.",
        ),
    )


def check_data_is_not_used(learner, t):
    """.data is not used.

    .data를 쓰지 않습니다.
    """
    t.true(callable(learner.set_and_freeze), "set_and_freeze is a function.")
    with open(t.path, encoding="utf-8") as file:  # noqa: PTH123 - one line is enough
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        t.true(
            not (isinstance(node, ast.Attribute) and node.attr == "data"),
            (
                "Your file uses .data, which changes numbers behind autograd's back.",
                ".data를 썼습니다. .data는 autograd 몰래 값을 바꿉니다.",
            ),
        )


def check_misfit(learner, t):
    """A tensor of another shape is refused.

    모양이 맞지 않는 텐서는 거부합니다.
    """
    for shape in ((3,), (5, 2, 2), (2, 3)):
        net, misfit = nn.Linear(2, 2).to(t.device), t.tensor(*shape)
        old = net.weight.detach().clone()
        t.raises(
            RuntimeError,
            lambda net=net, misfit=misfit: learner.set_and_freeze(net, lambda *_: misfit),
            (
                "It neither has the parameter's shape nor broadcasts to it.",
                "파라미터와 모양이 다르고 브로드캐스팅되지도 않습니다.",
            ),
        )
        t.equal(net.weight.detach(), old, ("Nothing was written.", "쓰인 것이 없어야 합니다."))


def _net():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Sequential(nn.Linear(4, 2)))
