"""Checks of inplace-fill: lists of one number are the reference; autograd is asked what it saw."""

import math

import torch

WHY_SAME = (
    "In place: the tensor that was given is the one that changes, and the one to return.",
    "제자리 연산입니다. 받은 텐서가 바뀌어야 하고, 바로 그 텐서를 돌려주어야 합니다.",
)
WHY_FILLED = ("Every element has the value v.", "모든 원소의 값이 v여야 합니다.")


def check_fills(learner, t):
    """set_all(t, v) sets every element, in place, and returns t.

    set_all(t, v)는 모든 원소를 제자리에서 바꾸고 t를 돌려줍니다.
    """
    example = torch.rand((3, 2), device=t.device)
    t.same(learner.set_all(example, 1), example, WHY_SAME)
    t.equal(example, _full((3, 2), 1, torch.float32, t), WHY_FILLED)
    for shape in ((), (0, 3), (1,), (t.random.randint(2, 5), 3, t.random.randint(2, 5))):
        for dtype in (torch.float32, torch.float64, torch.float16, torch.int64):
            tensor, value = t.tensor(*shape).to(dtype), t.random.randint(-50, 50)
            address = tensor.data_ptr()
            t.same(learner.set_all(tensor, value), tensor, WHY_SAME)
            t.equal(tensor, _full(shape, value, dtype, t), WHY_FILLED)
            t.equal(tensor.data_ptr(), address, WHY_SAME)
    tensor = t.tensor(4)
    learner.set_all(tensor, -2.5)
    t.equal(tensor, _full((4,), -2.5, torch.float32, t), WHY_FILLED)


def check_keeps_the_dtype(learner, t):
    """A tensor of whole numbers stays one: 1.7 becomes 1.

    정수 텐서는 정수 텐서로 남습니다. 1.7은 1이 됩니다.
    """
    why = (
        "In place, the dtype cannot change: whole numbers drop what follows the point.",
        "제자리 연산은 dtype을 바꿀 수 없습니다. 정수 텐서에서는 소수점 아래가 버려집니다.",
    )
    for value, want in ((1.7, 1), (-1.7, -1), (0.2, 0)):
        tensor = t.tensor(2, 3).to(torch.int64)
        t.same(learner.set_all(tensor, value), tensor, WHY_SAME)
        t.equal(tensor, _full((2, 3), want, torch.int64, t), why)


def check_views(learner, t):
    """A part of a tensor can be set, too: the whole changes there and nowhere else.

    텐서의 일부도 채울 수 있습니다. 전체 텐서는 그 자리만 바뀝니다.
    """
    why = (
        "A slice is a view of the whole: set it where it lies.",
        "자른 부분은 전체를 보는 뷰입니다. 놓인 자리에서 바꾸세요.",
    )
    for rows, columns in (
        (slice(None), slice(1, 2)),
        (slice(0, 1), slice(None)),
        (slice(None), slice(None, None, 2)),
    ):
        whole = t.tensor(t.random.randint(2, 4), t.random.randint(3, 6))
        want = whole.tolist()
        for row in want[rows]:
            row[columns] = [20.0] * len(row[columns])
        learner.set_all(whole[rows, columns], 20)
        t.equal(whole, torch.tensor(want, device=t.device), why)


def check_parameters(learner, t):
    """A leaf that requires gradients is filled, and can be trained as before.

    기울기가 필요한 잎(leaf) 텐서도 채워지며, 그 뒤에도 그대로 학습할 수 있습니다.
    """
    why = (
        "It stays a leaf that requires gradients: filling it is no part of the computation.",
        "여전히 기울기가 필요한 잎이어야 합니다. 값을 채우는 일은 계산 그래프에 들어가지 않습니다.",
    )
    for shape in ((), (3, 2), (t.random.randint(1, 4), 1, 2)):
        value = t.random.randint(-9, 9)
        for leaf in (t.tensor(*shape).requires_grad_(), torch.nn.Parameter(t.tensor(*shape))):
            t.same(learner.set_all(leaf, value), leaf, WHY_SAME)
            t.equal(leaf, _full(shape, value, torch.float32, t), WHY_FILLED)
            t.true(leaf.requires_grad and leaf.is_leaf and leaf.grad_fn is None, why)
            (leaf * leaf).sum().backward()
            t.equal(leaf.grad, _full(shape, 2 * value, torch.float32, t), why)
            learner.set_all(leaf, value + 1)
            t.equal(leaf.grad, _full(shape, 2 * value, torch.float32, t), why)


def check_leaves_grad_mode(learner, t):
    """Whether gradients are recorded is the same after the call as before.

    기울기를 기록하는지 여부는 호출 전후가 같습니다.
    """
    why = (
        "Turn recording off for the one statement only: with torch.no_grad().",
        "기록은 그 한 문장 동안만 끄세요. with torch.no_grad()를 쓰면 됩니다.",
    )
    for recording in (True, False):
        with torch.set_grad_enabled(recording):
            learner.set_all(t.tensor(2).requires_grad_(), 1)
            after = torch.is_grad_enabled()
            torch.set_grad_enabled(recording)
        t.equal(after, recording, why)


def check_autograd_notices(learner, t):
    """A backward pass that needs the old values fails, and gives no wrong gradients.

    옛 값이 필요한 역전파는 틀린 기울기를 내지 않고 오류를 냅니다.
    """
    for shape in ((3,), (2, 2)):
        weight = t.tensor(*shape).requires_grad_()
        loss = (weight * weight).sum()
        learner.set_all(weight, 7)
        t.raises(
            RuntimeError,
            loss.backward,
            (
                "The gradient of w * w is 2w, for the old w, which is gone. A change through "
                ".data hides that from autograd.",
                "w * w의 기울기는 2w인데 옛 w는 사라졌습니다. "
                ".data로 바꾸면 autograd가 그 사실을 모릅니다.",
            ),
        )


def _full(shape, value, dtype, t):
    """Return a tensor of *value* everywhere, by way of a list."""
    numbers = [value] * math.prod(shape)
    return torch.tensor(numbers, dtype=dtype, device=t.device).reshape(shape)
