"""Checks of module-list: products in plain Python are the reference."""

import math

import torch
from torch import nn


class Add(nn.Module):
    """A layer that does not commute with a multiplication."""

    def forward(self, x):
        return x + 1


def check_product(learner, t):
    """Cal(values) multiplies by all the values.

    Cal(values)는 모든 수를 곱합니다.
    """
    why = ("x times each of the values.", "x에 수를 모두 곱한 값입니다.")
    one = torch.tensor([1], device=t.device)
    note = learner.Cal([1, 2, 3]).to(t.device)
    t.equal(note(one), torch.tensor([6.0], device=t.device), why)
    for count in (1, 2, t.random.randint(3, 6)):
        values = [t.random.randint(-4, 4) for _ in range(count)]
        cal, x = learner.Cal(values).to(t.device), t.tensor(2, 3)
        numbers = [number * math.prod(values) for number in x.flatten().tolist()]
        want = torch.tensor(numbers, device=t.device).reshape(2, 3)
        t.equal(cal(x), want, why)
        t.equal(cal(x), want, ("The second call.", "두 번째 호출입니다."))


def check_layers(learner, t):
    """layer is an nn.ModuleList with one Mul for each value, in order.

    layer는 수마다 Mul을 하나씩 순서대로 담은 nn.ModuleList입니다.
    """
    random = [t.random.uniform(-3, 3) for _ in range(t.random.randint(2, 5))]
    for values in ([1, 2, 3], (5, 4), [2, 2], random):
        given = list(values)
        cal = learner.Cal(values)
        t.equal(type(cal.layer), nn.ModuleList)
        t.equal([type(each) for each in cal.layer], [learner.Mul] * len(given))
        t.equal(
            [each.value.item() for each in cal.layer],
            [float(torch.tensor(float(value))) for value in given],
            ("The value of each layer, in order.", "층마다 지닌 수를 순서대로 본 것입니다."),
        )
        t.equal(list(values), given, ("Do not change the values.", "받은 수들을 바꾸지 마세요."))


def check_registered(learner, t):
    """The module knows its layers: parameters, state_dict, .to().

    모듈이 자기 층을 압니다. parameters, state_dict, .to()에 나타납니다.
    """
    values = [t.random.randint(1, 9) for _ in range(t.random.randint(2, 5))]
    cal = learner.Cal(values)
    t.equal(
        {name: each.item() for name, each in cal.named_parameters()},
        {f"layer.{at}.value": float(value) for at, value in enumerate(values)},
        (
            "A plain list would hide the layers: no parameters, nothing to train or to save.",
            "보통 리스트에 담으면 층이 숨습니다. 파라미터가 없어 학습도 저장도 되지 않습니다.",
        ),
    )
    other = learner.Cal([0] * len(values))
    other.load_state_dict(cal.state_dict())
    one = torch.ones(1)
    t.equal(other(one), torch.tensor([float(math.prod(values))]))
    t.equal(
        cal.to(torch.float64)(one.double()).dtype,
        torch.float64,
        ("cal.to(...) converts the layers, too.", "cal.to(...)는 층도 함께 바꿉니다."),
    )
    t.equal(cal.to("meta")(one.to("meta")).device, torch.device("meta"))


def check_gradients(learner, t):
    """Every layer receives its gradient: the product of all the others.

    층마다 기울기를 받습니다. 나머지 수를 모두 곱한 값입니다.
    """
    values = [t.random.randint(1, 5) for _ in range(4)] + [2, 2]
    cal = learner.Cal(values).to(t.device)
    cal(torch.tensor(1.0, device=t.device)).backward()
    t.equal(
        [None if each.grad is None else each.grad.item() for each in cal.parameters()],
        [float(math.prod(values[:at] + values[at + 1 :])) for at in range(len(values))],
        (
            "Each value has a layer of its own, an equal one, too.",
            "같은 수라도 층은 따로 있어야 합니다.",
        ),
    )


def check_order(learner, t):
    """The layers are called, first to last, each once.

    층을 앞에서부터 한 번씩 호출합니다.
    """
    count = t.random.randint(3, 6)
    cal, called = learner.Cal(list(range(count))).to(t.device), []
    for at, layer in enumerate(cal.layer):
        layer.register_forward_hook(lambda *_, at=at: called.append(at))
    cal(t.tensor(2))
    t.equal(
        called,
        list(range(count)),
        (
            "The numbers of the layers as they were called: layer(x), and not layer.forward(x).",
            "호출된 층의 번호입니다. layer.forward(x)가 아니라 layer(x)로 호출하세요.",
        ),
    )


def check_empty(learner, t):
    """Without layers, x comes out as it went in; x is never changed.

    층이 없으면 x가 그대로 나옵니다. 받은 x는 바꾸지 않습니다.
    """
    x = t.tensor(2, 2)
    before = x.clone()
    for values in ([], ()):
        cal = learner.Cal(values)
        t.equal(len(cal.layer), 0)
        t.equal(cal(x), before, ("The product of no numbers is 1.", "수가 없으면 곱은 1입니다."))
    learner.Cal([2, 3]).to(t.device)(x)
    t.equal(x, before, ("The call changed x itself.", "호출이 x 자체를 바꾸었습니다."))


def check_later_changes(learner, t):
    """Layers appended, inserted, replaced or removed later count, too.

    나중에 덧붙이거나 끼우거나 바꾸거나 뺀 층도 반영됩니다.
    """
    values = [t.random.randint(2, 5) for _ in range(3)]
    a, b, c = values
    cal, x = learner.Cal(values).to(t.device), torch.ones(1, device=t.device)
    why = (
        "forward goes through self.layer as it is now.",
        "forward는 지금의 self.layer를 따라갑니다.",
    )
    cal.layer.append(Add())
    t.equal(cal(x), torch.tensor([a * b * c + 1.0], device=t.device), why)
    cal.layer.insert(0, Add())
    t.equal(cal(x), torch.tensor([2.0 * a * b * c + 1], device=t.device), why)
    cal.layer[2] = Add()
    t.equal(cal(x), torch.tensor([(2.0 * a + 1) * c + 1], device=t.device), why)
    del cal.layer[0]
    t.equal(cal(x), torch.tensor([(a + 1.0) * c + 1], device=t.device), why)
    values.append(7)
    t.equal(
        cal(x),
        torch.tensor([(a + 1.0) * c + 1], device=t.device),
        ("A number added to values is no layer.", "values에 수를 더해도 층은 늘지 않습니다."),
    )
