"""Checks of module-dict: layers of the check's own, which do not commute."""

import torch
from torch import nn


class Scale(nn.Module):
    """Multiply and add, with numbers that can be learnt."""

    def __init__(self, factor, shift):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(float(factor)))
        self.shift = nn.Parameter(torch.tensor(float(shift)))

    def forward(self, x):
        return x * self.factor + self.shift

    def plainly(self, number):
        return number * self.factor.item() + self.shift.item()


def check_note(learner, t):
    """The note's three layers: 6 through all of them, 3 through the last.

    노트의 층 세 개: 모두 지나면 6, 마지막만 지나면 3입니다.
    """
    names = ("mul1", "mul2", "mul3")
    router = learner.Router({name: learner.Mul(at + 1) for at, name in enumerate(names)})
    one = torch.tensor([1], device=t.device)
    router = router.to(t.device)
    t.equal(router(one), torch.tensor([6.0], device=t.device))
    for at, name in enumerate(names):
        t.equal(router(one, name), torch.tensor([at + 1.0], device=t.device))


def check_branches(learner, t):
    """branches is an nn.ModuleDict of the given modules, in the given order.

    branches는 받은 모듈을 받은 순서대로 담은 nn.ModuleDict입니다.
    """
    for _ in range(3):
        branches = _branches(t)
        given = dict(branches)
        router = learner.Router(branches)
        t.equal(type(router.branches), nn.ModuleDict)
        t.equal(
            list(router.branches),
            list(given),
            ("The names, in the order of the dict.", "딕셔너리의 순서대로 본 이름입니다."),
        )
        for name, branch in given.items():
            t.same(router.branches[name], branch, ("The given module.", "받은 그 모듈입니다."))
        t.true(
            list(branches.items()) == list(given.items()),
            ("Do not change the dict.", "받은 딕셔너리를 바꾸지 마세요."),
        )


def check_one_branch(learner, t):
    """router(x, name) uses the branch of that name and no other.

    router(x, name)은 그 이름의 가지만 씁니다.
    """
    branches = _branches(t)
    router, called = learner.Router(branches).to(t.device), []
    for name, branch in branches.items():
        branch.register_forward_hook(lambda *_, name=name: called.append(name))
    for name in [*branches, *reversed(branches)]:
        x = t.tensor(2, 3)
        want = [branches[name].plainly(number) for number in x.flatten().tolist()]
        want = torch.tensor(want, device=t.device).reshape(2, 3)
        t.equal(router(x, name), want)
        t.equal(
            called,
            [name],
            (
                "The branches that were called, by branch(x): the others must not run.",
                "branch(x)로 호출된 가지입니다. 다른 가지는 실행하면 안 됩니다.",
            ),
        )
        t.equal(router(x, name=name), want)
        called.clear()


def check_all_branches(learner, t):
    """router(x) uses all the branches, in order.

    router(x)는 모든 가지를 순서대로 씁니다.
    """
    for _ in range(3):
        branches, x = _branches(t), t.tensor(3)
        router, before = learner.Router(branches).to(t.device), x.clone()
        want = x.tolist()
        for branch in branches.values():
            want = [branch.plainly(number) for number in want]
        for got in (router(x), router(x, None)):
            t.equal(
                got,
                torch.tensor(want, device=t.device),
                (
                    "Through each branch once, in the order of the dict, not of the alphabet.",
                    "가지마다 한 번씩, 가나다순이 아니라 딕셔너리의 순서대로 지납니다.",
                ),
            )
        t.equal(x, before, ("The call changed x itself.", "호출이 x 자체를 바꾸었습니다."))
    x = t.tensor(2)
    t.equal(learner.Router({})(x), x, ("No branches: x itself.", "가지가 없으면 x 그대로입니다."))


def check_unknown_name(learner, t):
    """A name that is not there is a KeyError.

    없는 이름이면 KeyError입니다.
    """
    branches = _branches(t)
    for router in (learner.Router(branches), learner.Router({})):
        for name in ("nothing", "", "items", "0"):
            t.raises(
                KeyError,
                lambda router=router, name=name: router(torch.ones(1), name),
                (
                    f"There is no branch {name!r}; None alone means all of them.",
                    f"{name!r}(이)라는 가지는 없습니다. 모든 가지를 뜻하는 것은 None뿐입니다.",
                ),
            )


def check_forbidden_names(learner, t):
    """Names that nn.ModuleDict refuses stay refused.

    nn.ModuleDict가 거부하는 이름은 그대로 거부합니다.
    """
    for name, kind in (("a.b", KeyError), ("", KeyError), ("keys", KeyError), ("type", KeyError)):
        t.raises(
            kind,
            lambda name=name: learner.Router({"good": Scale(1, 2), name: Scale(3, 4)}),
            (
                f"{name!r} would clash with a path or with what a module has already.",
                f"{name!r}은(는) 경로나 모듈에 이미 있는 이름과 부딪힙니다.",
            ),
        )
    t.raises(
        TypeError,
        lambda: learner.Router({1: Scale(1, 2)}),
        ("A name is a string.", "이름은 문자열이어야 합니다."),
    )
    t.raises(
        TypeError,
        lambda: learner.Router({"good": 3}),
        ("A branch is a module.", "가지는 모듈이어야 합니다."),
    )


def check_registered(learner, t):
    """The module knows its branches: parameters, state_dict, gradients.

    모듈이 자기 가지를 압니다. parameters, state_dict, 기울기가 있습니다.
    """
    branches = _branches(t)
    router = learner.Router(branches).to(t.device)
    t.equal(
        list(router.state_dict()),
        [f"branches.{name}.{part}" for name in branches for part in ("factor", "shift")],
        (
            "A plain dict would hide the branches; nothing would be saved or trained.",
            "보통 딕셔너리에 담으면 가지가 숨어서 저장도 학습도 되지 않습니다.",
        ),
    )
    chosen = t.random.choice(list(branches))
    router(t.tensor(2), chosen).sum().backward()
    reached = [name for name, branch in branches.items() if branch.shift.grad is not None]
    t.equal(
        reached,
        [chosen],
        (
            "The branches that received a gradient: the chosen one.",
            "기울기를 받은 가지입니다. 고른 가지뿐이어야 합니다.",
        ),
    )


def check_later_changes(learner, t):
    """A change to router.branches counts, a change to the given dict does not.

    router.branches를 바꾸면 반영되고, 받았던 딕셔너리를 바꾸면 반영되지 않습니다.
    """
    branches = {"b": Scale(2, 1), "a": Scale(3, 5)}
    router, x = learner.Router(branches), torch.ones(1)
    branches["later"] = Scale(0, 0)
    why = (
        "ModuleDict has a dict of its own, and forward looks into it each time.",
        "ModuleDict에는 자기 딕셔너리가 있고, forward는 매번 그것을 봅니다.",
    )
    t.equal(router(x), torch.tensor([14.0]), why)
    router.branches["new"] = Scale(10, 0)
    t.equal(router(x), torch.tensor([140.0]), why)
    t.equal(router(x, "new"), torch.tensor([10.0]), why)
    router.branches["b"] = Scale(1, 1)
    t.equal(router(x), torch.tensor([110.0]), why)
    del router.branches["a"]
    t.equal(router(x), torch.tensor([20.0]), why)


def _branches(t):
    """Return three to five layers under names in no alphabetical order."""
    names = ["mul", "zeta", "add", "beta", "Omega", "x2"]
    t.random.shuffle(names)
    chosen = names[: t.random.randint(3, 5)]
    if chosen == sorted(chosen):
        chosen.reverse()
    return {name: Scale(t.random.randint(2, 5), t.random.randint(1, 9)) for name in chosen}
