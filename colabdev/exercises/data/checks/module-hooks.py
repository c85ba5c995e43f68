"""Checks of module-hooks: the same numbers computed by hand, and no hook left behind."""

import functools
import warnings

import torch
from torch import nn

LEFT = ("A hook is left on the model.", "모델에 hook이 남아 있습니다.")


class Scale(nn.Module):
    """Multiplies, and takes keyword arguments."""

    def forward(self, x, *, factor=2.0, plus=None):
        return x * factor + (0.0 if plus is None else plus)


class Net(nn.Module):
    """A linear layer, a scale that gets keyword arguments, and a nested layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.scale = Scale()
        self.body = nn.Sequential(nn.ReLU(), nn.Linear(4, 2))

    def forward(self, x):
        return self.body(self.scale(self.first(x), factor=3.0, plus=1.0))


def check_note(learner, t):
    """The note's model: doubled before, squared after.

    노트의 모델: 앞에서 두 배, 뒤에서 제곱합니다.
    """
    why = (
        "(2 * 3)² is 36, with the slope 8 * 3 = 24. A pre-hook gets (module, args), args being a "
        "tuple; a forward hook gets (module, args, output).",
        "(2 * 3)²은 36이고 기울기는 8 * 3 = 24입니다. pre-hook은 (module, args)를 받는데 args는 "
        "튜플입니다. forward hook은 (module, args, output)을 받습니다.",
    )
    model, x = nn.Identity(), torch.tensor(3.0, device=t.device, requires_grad=True)
    learner.wrap(model, lambda x: x * 2, lambda x: x**2)
    y = model(x)
    t.equal(y, torch.tensor(36.0, device=t.device), why)
    y.backward()
    t.equal(x.grad, torch.tensor(24.0, device=t.device), why)


def check_wrap(learner, t):
    """wrap changes input and output, around the module's own work.

    wrap은 모듈이 하는 일의 앞뒤에서 입력과 출력을 바꿉니다.
    """
    why = (
        "after(module(before(x))): what a hook returns takes the place of the value.",
        "after(module(before(x)))입니다. hook이 돌려준 값이 원래 값을 대신합니다.",
    )
    layer = nn.Linear(3, 2).to(t.device)
    for _ in range(3):
        x, shift, factor = t.tensor(4, 3), t.tensor(3), t.random.randint(2, 9)
        plain = layer(x)
        handles = learner.wrap(layer, lambda x, by=shift: x + by, lambda y, by=factor: y * by)
        t.equal(layer(x), nn.functional.linear(x + shift, layer.weight, layer.bias) * factor, why)
        t.equal(
            len(handles),
            2,
            ("One handle for each of the two hooks.", "hook이 둘이니 핸들도 둘입니다."),
        )
        for handle in handles:
            handle.remove()
        t.equal(
            layer(x), plain, ("Without its hooks it is as before.", "hook을 빼면 원래대로입니다.")
        )
        t.equal(_hooks(layer), 0, LEFT)


def check_wrap_none(learner, t):
    """A function that returns None changes nothing.

    None을 돌려주는 함수는 아무것도 바꾸지 않습니다.
    """
    why = ("None leaves the value as it is.", "None이면 값을 그대로 둡니다.")
    layer, x, seen = nn.Linear(3, 2).to(t.device), t.tensor(5, 3), []
    plain = layer(x)
    handles = learner.wrap(layer, seen.append, lambda y: y + 1)
    t.equal(layer(x), plain + 1, why)
    t.equal(seen, [x], ("before gets the input itself.", "before는 입력 자체를 받습니다."))
    for handle in handles:
        handle.remove()
    learner.wrap(layer, lambda x: x * 2, seen.append)
    want = nn.functional.linear(x * 2, layer.weight, layer.bias)
    t.equal(layer(x), want, why)
    t.equal(seen[1:], [want], ("after gets the output itself.", "after는 출력 자체를 받습니다."))


def check_capture_forward(learner, t):
    """capture records args, kwargs and output of the named modules.

    capture는 이름을 준 모듈의 args, kwargs, output을 기록합니다.
    """
    net = Net().to(t.device)
    names = ["first", "scale", "body.1", ""]
    for _ in range(3):
        x = t.tensor(t.random.randint(1, 5), 3)
        one = nn.functional.linear(x, net.first.weight, net.first.bias)
        two = one * 3 + 1
        three = nn.functional.linear(two.relu(), net.body[1].weight, net.body[1].bias)
        with learner.capture(net, iter(names)) as seen:
            t.equal(
                seen,
                {name: {} for name in names},
                (
                    "One empty record for each name, before anything runs.",
                    "아무것도 실행하기 전에는 이름마다 빈 기록이 하나씩 있습니다.",
                ),
            )
            result = net(x)
        t.equal(
            result, three, ("The model computes what it always does.", "모델의 결과는 같습니다.")
        )
        want = {
            "first": {"args": (x,), "kwargs": {}, "output": one},
            "scale": {"args": (one,), "kwargs": {"factor": 3.0, "plus": 1.0}, "output": two},
            "body.1": {"args": (two.relu(),), "kwargs": {}, "output": three},
            "": {"args": (x,), "kwargs": {}, "output": three},
        }
        t.equal(
            seen,
            want,
            (
                "args holds the positional arguments only; keyword arguments reach the hook when "
                "it is registered with_kwargs=True.",
                "args에는 위치 인자만 들어 있습니다. 키워드 인자는 with_kwargs=True로 등록해야 "
                "hook에 전해집니다.",
            ),
        )


def check_capture_backward(learner, t):
    """capture records the gradients at input and output.

    capture는 입력과 출력의 기울기를 기록합니다.
    """
    why = (
        "grad_output is the gradient that came in from behind, grad_input the one handed on. For "
        "y = x Wᵀ + b it is grad_output @ W.",
        "grad_output은 뒤에서 들어온 기울기, grad_input은 앞으로 넘기는 기울기입니다. "
        "y = x Wᵀ + b이면 grad_input은 grad_output @ W입니다.",
    )
    layer = nn.Linear(2, 1).to(t.device)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4.0]]))
    x = t.tensor(1, 2).requires_grad_()
    with learner.capture(layer, [""]) as seen:
        layer(x).backward()
    t.equal(seen[""]["grad_input"], (layer.weight.detach(),), why)
    t.equal(seen[""]["grad_output"], (torch.ones(1, 1, device=t.device),), why)

    net = Net().to(t.device)
    x, v = t.tensor(4, 3).requires_grad_(), t.tensor(4, 2)
    net(x).backward(v)
    plain, x.grad = x.grad, None
    with learner.capture(net, ["first", "body.1"]) as seen:
        net(x).backward(v)
    t.equal(x.grad, plain, ("Watching changes no gradient.", "지켜보아도 기울기는 같습니다."))
    t.equal(seen["body.1"]["grad_output"], (v,), why)
    t.equal(seen["body.1"]["grad_input"], (v @ net.body[1].weight,), why)
    t.equal(seen["first"]["grad_input"], (plain,), why)
    keys = {"args", "kwargs", "output", "grad_input", "grad_output"}
    t.equal({*seen["first"]}, keys, why)


def check_capture_without_input_gradient(learner, t):
    """An input that needs no gradient gives grad_input None.

    기울기가 필요 없는 입력이면 grad_input은 None입니다.
    """
    net, x = Net().to(t.device), t.tensor(4, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that there is no input gradient
        with learner.capture(net, ["first"]) as seen:
            net(x).sum().backward()
    t.equal(
        seen["first"]["grad_input"],
        (None,),
        (
            "The hook runs all the same; torch gives None where nobody needs a gradient.",
            "그래도 hook은 불립니다. 아무도 기울기를 필요로 하지 않는 자리에는 None이 옵니다.",
        ),
    )
    t.equal(seen["first"]["grad_output"][0].shape, torch.Size([4, 4]))


def check_capture_latest(learner, t):
    """A new call makes the record anew.

    새로 부르면 기록도 새로 만들어집니다.
    """
    net = Net().to(t.device)
    old, new = t.tensor(2, 3).requires_grad_(), t.tensor(5, 3)
    with learner.capture(net, ["first", "scale"]) as seen:
        net(old).sum().backward()
        with torch.no_grad():
            net(new)
            net.scale(new)
    t.equal(
        seen["first"],
        {"args": (new,), "kwargs": {}, "output": net.first(new).detach()},
        (
            "The gradients belong to the call before: they must not stay beside a new output.",
            "기울기는 앞선 호출의 것입니다. 새 출력 옆에 남아 있으면 안 됩니다.",
        ),
    )
    t.equal(
        seen["scale"],
        {"args": (new,), "kwargs": {}, "output": new * 2},
        ("The keyword arguments are those of the last call.", "kwargs는 마지막 호출의 것입니다."),
    )


def check_capture_ends(learner, t):
    """After the block no hook is left, other people's remain.

    블록이 끝나면 hook은 남지 않고, 다른 사람의 hook은 남습니다.
    """
    net, x, calls = Net().to(t.device), t.tensor(2, 3), []
    net.first.register_forward_hook(lambda *_: calls.append("mine"))
    before = _hooks(net)
    with learner.capture(net, ["first", "body"]) as seen:
        net(x)
    t.equal(_hooks(net), before, LEFT)
    kept = dict(seen["first"])
    net(x + 1)
    t.equal(seen["first"], kept, ("Nothing is recorded any more.", "더는 기록하지 않습니다."))
    t.equal(
        calls,
        ["mine", "mine"],
        (
            "A hook that was there before stays: remove yours by their handles.",
            "전부터 있던 hook은 남아야 합니다. 자기 hook만 핸들로 빼세요.",
        ),
    )


def check_capture_errors(learner, t):
    """An error in the block, or a wrong name, leaves no hook behind.

    블록에서 오류가 나거나 이름이 틀려도 hook은 남지 않습니다.
    """
    net = Net().to(t.device)

    def fail_inside():
        with learner.capture(net, ["first", "scale"]):
            raise ZeroDivisionError

    why = ("An error in the block passes through.", "블록에서 난 오류는 그대로 전해져야 합니다.")
    t.raises(ZeroDivisionError, fail_inside, why)
    t.equal(_hooks(net), 0, LEFT)

    def name(*names):
        with learner.capture(net, names):
            pass

    for names in (("first", "nope"), ("nope", "first"), ("body.7",)):
        t.raises(
            AttributeError,
            functools.partial(name, *names),
            ("This submodule does not exist.", "이런 하위 모듈은 없습니다."),
        )
        t.equal(_hooks(net), 0, LEFT)


def check_capture_apart(learner, t):
    """Two captures at a time keep to themselves.

    capture 두 개가 동시에 열려 있어도 서로 섞이지 않습니다.
    """
    net, x = Net().to(t.device), t.tensor(2, 3)
    why = ("Each capture has records of its own.", "capture마다 자기 기록이 따로 있습니다.")
    with learner.capture(net, ["first"]) as outer:
        with learner.capture(net, ["first", "body"]) as inner:
            net(x)
        net(x + 1)
    t.equal(inner["first"]["args"], (x,), why)
    t.equal(outer["first"]["args"], (x + 1,), why)
    t.equal([*outer, *inner], ["first", "first", "body"], why)
    t.equal(_hooks(net), 0, LEFT)


def _hooks(model):
    """Count the hooks on *model* and everything in it."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(each, kind)) for each in model.modules() for kind in kinds)


# ---- measurements ------------------------------------------------------------------------------

LAYERS = 10
WATCHED = (0, 1, 10)
ROUNDS = 5  # each way is timed this often, in turn, so that a slow moment hits both


def measure(learner, emit, device):
    """Measure what watching 0, 1 and 10 layers of a small net adds to a call."""
    net = nn.Sequential(*(nn.Linear(16, 16) for _ in range(LAYERS))).to(device)
    x = torch.ones(8, 16, device=device, requires_grad=True)
    plain = net(x)
    for watched in WATCHED:
        names = [str(at) for at in range(watched)]
        with learner.capture(net, names) as seen:
            emit.true(torch.equal(net(x), plain), f"{watched} hooks changed the output.")
            emit.true(all(seen[name] for name in names), "A hook did not run.")
        extra = sorted(_overhead(learner, emit, net, x, names) for _ in range(ROUNDS))
        emit(
            f"hooks-{watched}",
            "overhead_us_per_call",
            extra[ROUNDS // 2] * 1e6,
            unit="us",
            better="lower",
            device=device,
            dtype="float32",
            replicates=ROUNDS,
            iqr=(extra[-2] - extra[1]) * 1e6,
        )


def _overhead(learner, emit, net, x, names):
    """Return by how many seconds a call takes longer while *names* are watched."""
    call = functools.partial(net, x)
    bare = emit.time(call, 0.05)
    with learner.capture(net, names):
        watched = emit.time(call, 0.05)
    return watched.median - bare.median
