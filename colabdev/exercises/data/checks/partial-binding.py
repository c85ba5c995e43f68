"""Checks of partial-binding: what the object does afterwards, and what its class does not."""

import copy

import torch
from torch import nn


class Dog:
    def __init__(self, name):
        self.name = name


def check_note(learner, t):
    """The note's example: the method sees the object, as it is now.

    노트의 예제: 메서드는 지금의 객체를 봅니다.
    """
    dog = Dog("hi")
    why = ("fn gets the object itself.", "fn은 객체 자신을 받습니다.")
    t.same(
        learner.attach(dog, "bark_new", lambda self: f"name : {self.name}"),
        dog,
        ("Return the object.", "객체를 돌려주세요."),
    )
    t.equal(dog.bark_new(), "name : hi", why)
    dog.name = "".join(t.random.sample("abcdefgh", 5))
    t.equal(
        dog.bark_new(),
        f"name : {dog.name}",
        ("The dog was renamed meanwhile.", "그사이 개의 이름이 바뀌었습니다."),
    )


def check_arguments(learner, t):
    """Arguments of both kinds arrive, after the object.

    위치 인자와 키워드 인자가 객체 다음에 그대로 전해집니다.
    """
    dog = Dog("hi")
    learner.attach(dog, "show", lambda *args, **kwargs: (args, kwargs))
    for _ in range(5):
        args = [t.random.randint(-9, 9) for _ in range(t.random.randint(0, 3))]
        kwargs = {key: t.random.random() for key in t.random.sample("abc", 2)}
        got_args, got_kwargs = dog.show(*args, **kwargs)
        t.same(got_args[0], dog, ("The object comes first.", "객체가 맨 앞에 옵니다."))
        t.equal(
            (list(got_args[1:]), got_kwargs),
            (args, kwargs),
            ("The arguments of the call follow.", "호출의 인자가 뒤따릅니다."),
        )


def check_only_this_object(learner, t):
    """The class and its other objects stay as they are.

    클래스와 다른 객체는 그대로입니다.
    """
    one, other = Dog("one"), Dog("other")
    members = set(vars(Dog))
    learner.attach(one, "bark", lambda self: self.name)
    why = ("Only this one object has it.", "이 객체에만 있어야 합니다.")
    t.true(not hasattr(other, "bark"), why)
    t.true(set(vars(Dog)) == members and type(one) is Dog, why)
    learner.attach(other, "bark", lambda self: self.name + "!")
    t.equal([one.bark(), other.bark()], ["one", "other!"], why)
    learner.attach(one, "growl", lambda self, times: self.name * times)
    t.equal([one.bark(), one.growl(2)], ["one", "oneone"], why)
    learner.attach(one, "bark", lambda self: self.name.upper())
    t.equal(one.bark(), "ONE", ("The last one attached counts.", "마지막에 붙인 것이 남습니다."))


def check_forward(learner, t):
    """An attached forward is what model(x) computes, hooks included.

    붙인 forward를 model(x)가 계산하며 hook도 동작합니다.
    """
    layer, other, seen = nn.Linear(3, 3).to(t.device), nn.Linear(3, 3).to(t.device), []
    x, factor = t.tensor(2, 3), t.random.randint(2, 9)
    usual = other(x)
    layer.register_forward_hook(lambda *_: seen.append("hook"))
    learner.attach(layer, "forward", lambda self, x: x * factor + self.bias)
    why = (
        "model(x) looks forward up on the object, so an attached one is used.",
        "model(x)는 객체에서 forward를 찾으므로 붙인 것이 쓰입니다.",
    )
    t.equal(layer(x), x * factor + layer.bias, why)
    t.equal(seen, ["hook"], ("Hooks run as ever.", "hook은 늘 그렇듯 실행됩니다."))
    t.equal(other(x), usual, ("Other layers are as before.", "다른 층은 그대로입니다."))
    t.equal(
        [*layer.state_dict()],
        ["weight", "bias"],
        ("A method is no part of the state.", "메서드는 상태에 들어가지 않습니다."),
    )


def check_extra_repr_by_apply(learner, t):
    """With apply, an extra_repr for the linear layers only.

    apply와 함께 선형 층에만 extra_repr을 붙입니다.
    """
    net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 1)))

    def describe(self):
        return f"{self.in_features}>{self.out_features}"

    def visit(module):
        if isinstance(module, nn.Linear):
            learner.attach(module, "extra_repr", describe)

    net.apply(visit)
    t.equal(
        [repr(net[0]), repr(net[1][1]), repr(net[1][0]), repr(nn.Linear(2, 3, bias=False))],
        [
            "Linear(2>3)",
            "Linear(3>1)",
            "ReLU()",
            "Linear(in_features=2, out_features=3, bias=False)",
        ],
        (
            "The name is extra_repr; print(model) shows what it returns, for each its own.",
            "이름은 extra_repr입니다. print(model)에 각자 돌려준 글이 나타납니다.",
        ),
    )


def check_special_methods(learner, t):
    """Special methods are refused, by name, and nothing is attached.

    특수 메서드는 이름을 밝혀 거부하고 아무것도 붙이지 않습니다.
    """
    for target in (Dog("hi"), nn.Linear(2, 2)):
        for name in ("__getitem__", "__call__", "__len__", "__str__", "__my_own__"):
            before = set(vars(target))
            try:
                learner.attach(target, name, lambda *_: 7)
            except ValueError as error:
                t.true(
                    name in str(error),
                    (f"Let the message name {name}.", f"메시지에 {name}을(를) 밝혀 주세요."),
                )
            else:
                t.true(
                    False,
                    (
                        f"{name} must be refused with a ValueError: Python looks it up on the "
                        "class, and yours would be ignored in silence.",
                        f"{name}은(는) ValueError로 거부해야 합니다. 파이썬이 클래스에서 찾으므로 "
                        "붙여도 말없이 무시됩니다.",
                    ),
                )
            t.equal(
                set(vars(target)), before, ("Nothing was attached.", "붙은 것이 없어야 합니다.")
            )


def check_names_with_underscores(learner, t):
    """Underscores at one end make no special method.

    밑줄이 한쪽에만 있으면 특수 메서드가 아닙니다.
    """
    for name in ("__start", "end__", "_one_", "_one__", "__one_", "plain", "in__side"):
        dog = learner.attach(Dog("hi"), name, lambda self, x: (self.name, x))
        t.equal(
            getattr(dog, name)(3),
            ("hi", 3),
            (
                f"{name} is a name like any other: special ones have two at both ends.",
                f"{name}은(는) 보통 이름입니다. 특수 메서드는 앞뒤에 밑줄이 두 개씩 있습니다.",
            ),
        )


def check_deepcopy(learner, t):
    """In a deep copy the method belongs to the copy.

    깊은 복사를 하면 메서드는 복사본의 것이 됩니다.
    """
    why = (
        "A closure holds on to the first object. partial and types.MethodType are copied along.",
        "클로저는 처음 객체를 계속 붙듭니다. partial과 types.MethodType은 함께 복사됩니다.",
    )
    dog = learner.attach(Dog("first"), "bark", _bark)
    other = copy.deepcopy(dog)
    other.name = "second"
    t.equal([dog.bark(), other.bark()], ["first", "second"], why)
    layer = learner.attach(nn.Linear(2, 2), "forward", _only_bias).to(t.device)
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        twin.bias.fill_(5.0)
    x = torch.ones(1, 2, device=t.device)
    t.equal(twin(x).detach(), torch.full((1, 2), 5.0, device=t.device), why)


def _bark(self):
    return self.name


def _only_bias(self, x):
    return x * 0 + self.bias
