"""Checks of tensor-hooks: gradients worked out by hand, number by number."""

import torch
from torch import nn


def check_note(learner, t):
    """The note's example: [1, 2, 3] becomes [1, 4, 9].

    노트의 예제: [1, 2, 3]이 [1, 4, 9]가 됩니다.
    """
    sample = _zeros(t, torch.float64)
    learner.square_grad(sample)
    v = torch.tensor([1, 2, 3], dtype=torch.float64, device=t.device)
    sample.backward(v)
    t.equal(
        sample.grad,
        torch.tensor([1, 4, 9], dtype=torch.float64, device=t.device),
        (
            "What the hook returns takes the place of the gradient.",
            "hook이 돌려준 값이 기울기를 대신합니다.",
        ),
    )
    t.equal(
        v,
        torch.tensor([1, 2, 3], dtype=torch.float64, device=t.device),
        (
            "The gradient that was handed to backward() has changed: do not work in place.",
            "backward()에 넘긴 기울기가 바뀌었습니다. 제자리에서 계산하지 마세요.",
        ),
    )


def check_removed(learner, t):
    """Removed means removed: the next pass goes by as ever.

    지우면 정말로 사라집니다. 다음 역전파는 원래대로입니다.
    """
    why = (
        "Return the handle of the hook. After its remove() a second pass adds [1, 2, 3] as it is, "
        "to what the first one left.",
        "hook의 핸들을 돌려주세요. remove() 뒤의 두 번째 역전파는 앞서 남은 값에 [1, 2, 3]을 "
        "그대로 더합니다.",
    )
    v = torch.tensor([1.0, 2.0, 3.0], device=t.device)
    for hook, first in (
        (learner.square_grad, [1.0, 4.0, 9.0]),
        (lambda tensor: learner.clip_grad_hook(tensor, 2.5), [1.0, 2.0, 2.5]),
    ):
        sample = _zeros(t)
        handle = hook(sample)
        sample.backward(v)
        want = torch.tensor(first, device=t.device)
        t.equal(sample.grad, want, why)
        handle.remove()
        sample.backward(v)
        t.equal(sample.grad, want + v, why)
        t.equal(v, torch.tensor([1.0, 2.0, 3.0], device=t.device), why)
        handle.remove()


def check_square(learner, t):
    """square_grad squares every number, whatever the shape and dtype.

    square_grad는 모양과 dtype에 상관없이 모든 수를 제곱합니다.
    """
    for shape in ((), (5,), (2, 3), (0,)):
        for dtype in (torch.float32, torch.float64):
            leaf, v = t.tensor(*shape).to(dtype).requires_grad_(), t.tensor(*shape).to(dtype)
            learner.square_grad(leaf)
            leaf.backward(v)
            squares = [number * number for number in v.flatten().tolist()]
            want = torch.tensor(squares, dtype=dtype, device=t.device).reshape(shape)
            t.equal(leaf.grad, want, ("Each number, times itself.", "수마다 자기 자신을 곱합니다."))


def check_clip(learner, t):
    """clip_grad_hook limits every number to [-c, c].

    clip_grad_hook은 모든 수를 [-c, c]로 제한합니다.
    """
    for c in (0.0, 1.0, 3, 4.5, 100.0):
        for shape in ((), (20,), (4, 5)):
            leaf, v = t.tensor(*shape).double().requires_grad_(), t.tensor(*shape).double()
            before = v.clone()
            learner.clip_grad_hook(leaf, c)
            leaf.backward(v)
            limited = [float(max(-c, min(c, number))) for number in before.flatten().tolist()]
            want = torch.tensor(limited, dtype=torch.float64, device=t.device).reshape(shape)
            t.equal(
                leaf.grad,
                want,
                (
                    f"Above {c} it is {c}, below {-c} it is {-c}, between them it stays. The "
                    "length of the whole gradient plays no part.",
                    f"{c}보다 크면 {c}, {-c}보다 작으면 {-c}, 그 사이면 그대로입니다. "
                    "기울기 전체의 길이(norm)는 상관없습니다.",
                ),
            )
            t.equal(v, before, ("Do not work in place.", "제자리에서 계산하지 마세요."))


def check_each_its_own_limit(learner, t):
    """Every tensor keeps the limit it was given.

    텐서마다 받은 한도를 지킵니다.
    """
    limits = t.random.sample(range(1, 8), 4)
    leaves = [_zeros(t) for _ in limits]
    for leaf, c in zip(leaves, limits, strict=True):
        learner.clip_grad_hook(leaf, c)
    (20 * sum(leaf.sum() for leaf in leaves)).backward()
    t.equal(
        [leaf.grad[0].item() for leaf in leaves],
        [float(c) for c in limits],
        ("The limit belongs to the hook.", "한도는 hook마다 따로 있습니다."),
    )


def check_intermediate(learner, t):
    """A hook in the midst of a computation changes what lies in front of it.

    계산 도중의 텐서에 건 hook은 그 앞의 기울기를 바꿉니다.
    """
    x = t.tensor(4).requires_grad_()
    middle = x * 10
    learner.clip_grad_hook(middle, 2)
    v = torch.tensor([1.0, 2.0, 3.0, -9.0], device=t.device)
    middle.backward(v)
    want = torch.tensor([10.0, 20.0, 20.0, -20.0], device=t.device)
    t.equal(
        x.grad,
        want,
        (
            "The slope of x * 10 is 10, times what the hook on the product lets through.",
            "x * 10의 기울기 10에, 곱에 건 hook이 통과시킨 값을 곱합니다.",
        ),
    )
    first, second = t.tensor(4), t.tensor(4)
    x = t.tensor(4).requires_grad_()
    middle = x * first
    learner.square_grad(middle)
    (middle * second).sum().backward()
    t.equal(
        x.grad,
        second * second * first,
        (
            "The gradient of the product is the second factor; squared, then times the first.",
            "가운데 값의 기울기는 두 번째 인수입니다. 제곱한 뒤 첫 번째 인수를 곱합니다.",
        ),
    )


def check_several_uses(learner, t):
    """The hook gets the sum of one pass, once; passes add up in grad.

    hook은 한 번의 역전파에서 들어온 합을 한 번 받고, grad에는 차례로 더해집니다.
    """
    leaf = _zeros(t)
    learner.clip_grad_hook(leaf, 4)
    (leaf * 3 + leaf * 3).sum().backward()
    t.equal(
        leaf.grad,
        torch.full((3,), 4.0, device=t.device),
        (
            "3 and 3 make 6, limited to 4: first the sum, then the hook.",
            "3과 3을 더한 6을 4로 제한합니다. 먼저 더하고 그다음이 hook입니다.",
        ),
    )
    (leaf * 3).sum().backward()
    t.equal(
        leaf.grad,
        torch.full((3,), 7.0, device=t.device),
        (
            "4 was there, 3 comes in: the hook sees the 3 and not the whole grad.",
            "4가 있던 곳에 3이 들어옵니다. hook은 grad 전체가 아니라 3만 봅니다.",
        ),
    )
    squared = _zeros(t)
    learner.square_grad(squared)
    (squared * 2 + squared).sum().backward()
    squared.sum().backward()
    t.equal(
        squared.grad,
        torch.full((3,), 10.0, device=t.device),
        ("(2 + 1)² and then 1² make 10.", "(2 + 1)²에 1²을 더하면 10입니다."),
    )


def check_two_hooks(learner, t):
    """Two hooks run in turn, and each has its own handle.

    hook 두 개는 차례로 실행되고 핸들도 따로입니다.
    """
    why = ("First limited to 3, then squared: 9.", "3으로 제한한 뒤 제곱하면 9입니다.")
    v = torch.tensor([5.0, 2.0, -4.0], device=t.device)
    leaf = _zeros(t)
    clip = learner.clip_grad_hook(leaf, 3)
    learner.square_grad(leaf)
    leaf.backward(v)
    t.equal(leaf.grad, torch.tensor([9.0, 4.0, 9.0], device=t.device), why)
    clip.remove()
    leaf.grad = None
    leaf.backward(v)
    t.equal(
        leaf.grad,
        torch.tensor([25.0, 4.0, 16.0], device=t.device),
        ("Only the limit was removed.", "제한만 지웠습니다."),
    )


def check_module_and_tensor(learner, t):
    """Inside a module: a module hook sees only the ends, the tensor hook the middle.

    모듈 안에서: 모듈 hook은 양 끝만, 텐서 hook은 가운데를 봅니다.
    """

    class Net(nn.Module):
        def forward(self, x):
            middle = x * 5
            learner.clip_grad_hook(middle, 2)
            return middle * 3

    seen = []
    net = Net()
    net.register_full_backward_hook(lambda _, inner, outer: seen.extend((*outer, *inner)))
    x = t.tensor(4).requires_grad_()
    net(x).sum().backward()
    ones = torch.ones(4, device=t.device)
    t.equal(
        seen,
        [ones, ones * 10],
        (
            "In comes 1; 3 reaches the middle and is limited to 2; 10 goes out.",
            "1이 들어와 가운데에는 3이 닿고, 2로 제한되어 10이 나갑니다.",
        ),
    )


def check_before_it_is_stored(learner, t):
    """The hook runs before grad is stored; the other kind of hook runs after.

    hook은 grad에 더해지기 전에, 다른 종류의 hook은 더해진 뒤에 불립니다.
    """
    leaf, stored = _zeros(t), []
    leaf.register_post_accumulate_grad_hook(lambda leaf: stored.append(leaf.grad.clone()))
    learner.square_grad(leaf)
    for _ in range(2):
        (leaf * 3).sum().backward()
    t.equal(
        stored,
        [torch.full((3,), 9.0, device=t.device), torch.full((3,), 18.0, device=t.device)],
        (
            "Use Tensor.register_hook: it changes the gradient before it is added to grad.",
            "Tensor.register_hook을 쓰세요. grad에 더해지기 전의 기울기를 바꿉니다.",
        ),
    )


def check_refuses(learner, t):
    """A tensor that needs no gradient is refused.

    기울기가 필요 없는 텐서는 거부합니다.
    """
    why = (
        "No gradient will ever come by here; a hook that never runs hides a mistake.",
        "여기로는 기울기가 지나가지 않습니다. 불리지 않을 hook은 실수를 감춥니다.",
    )
    for hook in (learner.square_grad, lambda tensor: learner.clip_grad_hook(tensor, 1.0)):
        plain = t.tensor(3)
        t.raises(RuntimeError, lambda hook=hook, plain=plain: hook(plain), why)
        t.equal(plain.requires_grad, False, why)


def _zeros(t, dtype=torch.float32):
    return torch.zeros(3, dtype=dtype, device=t.device, requires_grad=True)
