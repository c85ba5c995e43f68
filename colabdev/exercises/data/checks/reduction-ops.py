"""Checks of reduction-ops: loops in plain Python are the reference."""

import itertools
import math

import torch

NO_MAXIMUM = (RuntimeError, IndexError, ValueError)
NAN, INF = math.nan, math.inf


def check_row_winners(learner, t):
    """row_winners(x) gives the largest number of each row and its column.

    row_winners(x)는 각 행의 가장 큰 수와 그 열을 줍니다.
    """
    why = (
        "Go along each row by itself: values and columns have the shape (m).",
        "행마다 따로 찾습니다. 값과 열 모두 모양이 (m)입니다.",
    )
    _compare_winners(learner, t, torch.tensor([[1, 9], [8, 2]]), why)
    for m, n in ((1, 10), (4, 1), (t.random.randint(2, 6), t.random.randint(7, 12))):
        for dtype in (torch.float32, torch.float64, torch.int64):
            table = t.tensor(m, n, device="cpu").to(dtype)
            _compare_winners(learner, t, table, why)
            _compare_winners(learner, t, table - 100, why)  # nothing in it is above 0


def check_row_winners_ties(learner, t):
    """Of equal numbers in a row, the first column counts.

    한 행에 같은 수가 여러 번 나오면 첫 번째 열로 칩니다.
    """
    why = ("The first of the equal ones counts.", "같은 수 가운데 첫 번째로 칩니다.")
    _compare_winners(learner, t, torch.tensor([[7.0, 7.0], [2.0, 2.0]]), why)
    for _ in range(5):
        table = (t.tensor(5, 40, device="cpu") / 5).round()
        _compare_winners(learner, t, table, why)


def check_row_winners_nan(learner, t):
    """A NaN wins its row, and infinity any other.

    NaN은 자기 행에서 이기고, 무한대는 나머지를 모두 이깁니다.
    """
    rows = [[1.0, NAN, 3.0], [NAN, 5.0, NAN], [INF, 2.0, NAN], [-INF, INF, 4.0], [-INF, -INF, -INF]]
    why = ("NaN counts as the largest, the first one first.", "NaN을 가장 큰 수로 칩니다.")
    _compare_winners(learner, t, torch.tensor(rows), why)


def check_row_winners_empty(learner, t):
    """A table without rows has no winners.

    행이 없는 표에는 가장 큰 수도 없습니다.
    """
    why = ("No rows, so two tensors of shape (0).", "행이 없으므로 모양이 (0)인 텐서 두 개입니다.")
    _compare_winners(learner, t, torch.zeros(0, 3), why)


def check_coords_of_max(learner, t):
    """coords_of_max(x) has an int for each dimension of x.

    coords_of_max(x)는 x의 차원마다 int를 하나씩 담습니다.
    """
    why = (
        "argmax() counts through the whole tensor in reading order; that number is no coordinate.",
        "argmax()는 텐서 전체를 읽는 순서로 센 번호입니다. 좌표가 아닙니다.",
    )
    for rows, place in (([[1, 9], [8, 2]], (0, 1)), ([[1, 2], [8, 9]], (1, 1))):
        t.equal(learner.coords_of_max(torch.tensor(rows, device=t.device)), place, why)
    for shape in ((), (1,), (9,), (1, 10), (3, 7), (2, 3, 4), (2, 1, 3, 5)):
        for x in (t.tensor(*shape), t.tensor(*shape).long() - 50):
            t.equal(learner.coords_of_max(x), _first_largest(x), why)
    x = t.tensor(4, 6).T
    why_strided = (
        "Reading order goes by rows, however the numbers lie in memory.",
        "메모리에 놓인 순서와 상관없이 행을 따라 읽습니다.",
    )
    t.equal(learner.coords_of_max(x), _first_largest(x), why_strided)


def check_coords_of_max_edges(learner, t):
    """Ties, NaN, and a tensor without numbers.

    같은 수, NaN, 수가 없는 텐서도 다룹니다.
    """
    first = ("The first in reading order counts.", "읽는 순서로 첫 번째입니다.")
    for _ in range(5):
        x = (t.tensor(4, 5, 3) / 9).round()
        t.equal(learner.coords_of_max(x), _first_largest(x), first)
    x = t.tensor(3, 4)
    x[2, 1] = x[1, 3] = NAN
    t.equal(
        learner.coords_of_max(x),
        (1, 3),
        ("NaN counts as the largest, as in torch.", "torch에서처럼 NaN을 가장 큰 수로 칩니다."),
    )
    for shape in ((0,), (3, 0)):
        t.raises(
            NO_MAXIMUM,
            lambda shape=shape: learner.coords_of_max(torch.zeros(shape)),
            ("Nothing is in it, so nothing is largest.", "수가 없으니 가장 큰 수도 없습니다."),
        )


def check_any_row(learner, t):
    """any_row(x) is right for every bool table of up to 3 x 2 and 2 x 3.

    any_row(x)는 3 x 2와 2 x 3까지 가능한 모든 bool 표에서 맞습니다.
    """
    why = (
        "True if some row is True from end to end; columns do not count.",
        "처음부터 끝까지 True인 행이 있으면 True입니다. 열은 상관없습니다.",
    )
    for m, n in ((1, 1), (1, 3), (3, 1), (2, 2), (2, 3), (3, 2)):
        for bits in itertools.product((False, True), repeat=m * n):
            table = torch.tensor(bits, device=t.device).reshape(m, n)
            want = any(all(row) for row in table.tolist())
            t.equal(learner.any_row(table), torch.tensor(want, device=t.device), why)


def check_any_row_empty(learner, t):
    """any of nothing is False, all of nothing is True.

    빈 것의 any는 False, 빈 것의 all은 True입니다.
    """
    for shape, want, why in (
        ((0, 3), False, ("There is no row, so none is all True.", "행이 없으면 False입니다.")),
        ((2, 0), True, ("An empty row holds no False.", "빈 행에는 False가 하나도 없습니다.")),
        ((0, 0), False, ("There is no row, so none is all True.", "행이 없으면 False입니다.")),
    ):
        empty = torch.zeros(shape, dtype=torch.bool, device=t.device)
        t.equal(learner.any_row(empty), torch.tensor(want, device=t.device), why)


def _compare_winners(learner, t, table, why):
    """Check *table*, which lies on the CPU, on the device."""
    places = [_largest_at(row) for row in table.tolist()]
    numbers = [row[at] for row, at in zip(table.tolist(), places, strict=True)]
    values, columns = learner.row_winners(table.to(t.device))
    t.equal(values, torch.tensor(numbers, dtype=table.dtype, device=t.device), why)
    t.equal(columns, torch.tensor(places, dtype=torch.int64, device=t.device), why)


def _first_largest(x):
    places = list(itertools.product(*(range(size) for size in x.shape)))
    return places[_largest_at([x[place].item() for place in places])]


def _largest_at(numbers):
    """Return the place of the first NaN, else that of the first largest number."""
    for at, number in enumerate(numbers):
        if math.isnan(number):
            return at
    return numbers.index(max(numbers))
