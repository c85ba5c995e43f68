"""Checks of swapdims-chunk: lists, zipped and cut, are the reference; writes tell the copies."""

import torch

WRONG_INPUT = (RuntimeError, ValueError, IndexError, TypeError, AssertionError, ZeroDivisionError)

WHY_SWAPPED = (
    "Element [i, j] of x is element [j, i] of the result; further dimensions stay.",
    "x의 [i, j] 원소가 결과에서는 [j, i] 원소입니다. 그 뒤의 차원은 그대로입니다.",
)
WHY_PARTS = (
    "Exactly n parts in order; if rows are left over, the first parts get one more each.",
    "순서대로 정확히 n토막입니다. 행이 남으면 앞 토막부터 하나씩 더 갖습니다.",
)
WHY_VIEW = (
    "Nothing needs to be copied: the result is another way to look at the memory of x.",
    "복사할 필요가 없습니다. 결과는 x의 메모리를 달리 보는 것뿐입니다.",
)
WHY_INTACT = ("x keeps its own shape and numbers.", "x 자신의 모양과 값은 그대로여야 합니다.")


def check_swap(learner, t):
    """swap(x) swaps the first two dimensions.

    swap(x)는 앞의 두 차원을 맞바꿉니다.
    """
    sample = torch.arange(0, 10, device=t.device).view(2, 5)
    want = torch.tensor([[0, 5], [1, 6], [2, 7], [3, 8], [4, 9]], device=t.device)
    t.equal(learner.swap(sample), want, WHY_SWAPPED)
    m, n = t.random.randint(2, 4), t.random.randint(5, 7)
    for shape in ((1, 1), (m, n), (n, m, 3), (m, n, 2, 4), (1, n)):
        x = t.tensor(*shape)
        before = x.clone()
        columns = [list(column) for column in zip(*x.tolist(), strict=True)]
        t.equal(learner.swap(x), torch.tensor(columns, device=t.device), WHY_SWAPPED)
        t.equal(x, before, WHY_INTACT)


def check_swap_is_a_view(learner, t):
    """swap(x) copies nothing, and back and forth is x again.

    swap(x)는 복사하지 않으며, 두 번 하면 다시 x입니다.
    """
    for shape in ((2, 5), (3, 4, 2)):
        x = t.tensor(*shape)
        t.equal(learner.swap(learner.swap(x)), x.clone(), WHY_SWAPPED)
        learner.swap(x).fill_(50)
        t.equal(x, torch.full(shape, 50.0, device=t.device), WHY_VIEW)


def check_swap_refuses(learner, t):
    """A tensor with fewer than two dimensions cannot be swapped.

    차원이 둘보다 적은 텐서는 맞바꿀 수 없습니다.
    """
    for shape in ((), (3,)):
        t.raises(
            WRONG_INPUT,
            lambda shape=shape: learner.swap(t.tensor(*shape)),
            (f"{shape} has no two dimensions.", f"{shape}에는 차원이 두 개 없습니다."),
        )


def check_exactly_n(learner, t):
    """exactly_n(x, n) cuts into n parts whose sizes differ by at most one.

    exactly_n(x, n)은 크기 차이가 하나를 넘지 않게 n토막으로 자릅니다.
    """
    _cut(learner, t, torch.arange(0, 10, device=t.device).view(2, 5), 2)
    _cut(learner, t, torch.arange(6, device=t.device), 4)
    for length in (1, 3, 6, 7, t.random.randint(8, 30)):
        for n in (1, 2, 3, 4, 5, 7):
            _cut(learner, t, t.tensor(length), n)
            _cut(learner, t, t.tensor(length, 2, 3), n)


def check_more_parts_than_rows(learner, t):
    """With more parts than rows, the last parts are empty.

    토막이 행보다 많으면 뒤의 토막은 비어 있습니다.
    """
    for length, n in ((2, 4), (1, 3), (0, 2), (3, t.random.randint(5, 9))):
        _cut(learner, t, t.tensor(length), n)
        _cut(learner, t, t.tensor(length, 4), n)


def check_parts_are_views(learner, t):
    """The parts are views: a write to them shows in x.

    토막은 모두 뷰입니다. 토막에 쓴 값이 x에 나타납니다.
    """
    for shape in ((7,), (5, 3)):
        x = t.tensor(*shape)
        for part in learner.exactly_n(x, 3):
            part.fill_(50)
        t.equal(x, torch.full(shape, 50.0, device=t.device), WHY_VIEW)


def check_exactly_n_refuses(learner, t):
    """There are no zero parts, and no negative number of them.

    0토막이나 음수 토막은 없습니다.
    """
    for n in (0, -1):
        t.raises(
            WRONG_INPUT,
            lambda n=n: learner.exactly_n(t.tensor(4), n),
            (f"Nothing can be cut into {n} parts.", f"{n}토막으로 자를 수는 없습니다."),
        )


def _cut(learner, t, x, n):
    """Compare exactly_n(x, n) with the rows of x, dealt out one part after the other."""
    before, rows, parts = x.clone(), x.tolist(), []
    for part in range(n):
        size = len(x) // n + (part < len(x) % n)
        numbers, rows = rows[:size], rows[size:]
        parts.append(
            torch.tensor(numbers, dtype=x.dtype, device=x.device).reshape(size, *x.shape[1:])
        )
    got = learner.exactly_n(x, n)
    t.true(isinstance(got, (tuple, list)), WHY_PARTS)
    t.equal(list(got), parts, WHY_PARTS)
    t.equal(x, before, WHY_INTACT)
