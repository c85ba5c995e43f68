"""Checks of cartesian-prod: itertools.product is the reference."""

import itertools

import torch

ORDER = (
    "The last column changes fastest, the first one slowest.",
    "마지막 열이 가장 빨리, 첫 열이 가장 느리게 바뀝니다.",
)


def check_note(learner, t):
    """The note's example has six rows.

    노트의 예제는 행이 여섯입니다.
    """
    a, b = torch.tensor([1, 2, 3], device=t.device), torch.tensor([4, 5], device=t.device)
    rows = [[1, 4], [1, 5], [2, 4], [2, 5], [3, 4], [3, 5]]
    t.equal(learner.grid(a, b), torch.tensor(rows, device=t.device), ORDER)


def check_order(learner, t):
    """Two tensors, repeated numbers included, in the order of itertools.product.

    텐서 두 개를, 같은 수가 되풀이되어도 itertools.product의 순서로 조합합니다.
    """
    for m, n in ((1, 1), (1, 4), (4, 1), (3, 3), (t.random.randint(2, 7), t.random.randint(2, 7))):
        _compare(learner, t, [t.tensor(m), t.tensor(n)], torch.float32, ORDER)


def check_many(learner, t):
    """Three tensors and more: a column for each.

    텐서가 셋 이상이면 텐서마다 열이 하나씩입니다.
    """
    for sizes in ((2, 2, 2), (3, 1, 2), (2, 3, 2, 4)):
        axes = [t.tensor(size).long() for size in sizes]
        _compare(learner, t, axes, torch.int64, ORDER)


def check_single(learner, t):
    """A single tensor makes a table of one column.

    텐서 하나도 열이 하나인 표가 됩니다.
    """
    why = (
        "A table is 2-D, with one column here; torch.cartesian_prod gives the vector back.",
        "표는 2차원이고 여기서는 열이 하나입니다. torch.cartesian_prod는 벡터를 그대로 줍니다.",
    )
    for size in (1, 5):
        _compare(learner, t, [t.tensor(size)], torch.float32, why)


def check_mixed_dtypes(learner, t):
    """Of several dtypes the table has the promoted one.

    dtype이 여럿이면 표의 dtype은 승격된 것입니다.
    """
    for first, second, promoted in (
        (torch.int64, torch.float32, torch.float32),
        (torch.float32, torch.int64, torch.float32),
        (torch.int32, torch.int64, torch.int64),
        (torch.float64, torch.float32, torch.float64),
        (torch.bool, torch.int32, torch.int32),
    ):
        why = (
            f"{first} and {second} promote to {promoted}.",
            f"{first}, {second}의 승격은 {promoted}입니다.",
        )
        axes = [t.tensor(3).to(first), t.tensor(2).to(second)]
        _compare(learner, t, axes, promoted, why)
        _compare(learner, t, [axes[0], axes[0], axes[1]], promoted, why)


def check_empty(learner, t):
    """With an empty tensor there is no combination.

    빈 텐서가 있으면 조합이 없습니다.
    """
    why = ("No rows, but a column for each tensor.", "행은 없고 텐서마다 열은 하나씩 있습니다.")
    for sizes in ((0, 3), (3, 0), (0,), (2, 0, 2)):
        _compare(learner, t, [t.tensor(size) for size in sizes], torch.float32, why)


def _compare(learner, t, axes, dtype, why):
    rows = list(itertools.product(*(axis.tolist() for axis in axes)))
    want = torch.tensor(rows, device=t.device).to(dtype).reshape(len(rows), len(axes))
    before = [axis.clone() for axis in axes]
    t.equal(learner.grid(*axes), want, why)
    t.equal(axes, before, ("The tensors are to stay.", "받은 텐서는 그대로 두세요."))
