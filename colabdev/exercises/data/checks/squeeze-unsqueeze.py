"""Checks of squeeze-unsqueeze: nested lists, a level taken out or put in, are the reference."""

import torch

WRONG_SHAPE = (ValueError, RuntimeError, IndexError, TypeError, AssertionError)

WHY_CHANNEL = (
    "(N, 1, ...) becomes (N, ...): dimension 1 goes, and every other stays.",
    "(N, 1, ...)은 (N, ...)이 됩니다. 1번 차원만 없어지고 나머지는 모두 남습니다.",
)
WHY_BATCH = (
    "(...) becomes (1, ...): the new dimension comes first.",
    "(...)은 (1, ...)이 됩니다. 새 차원은 맨 앞에 옵니다.",
)
WHY_INTACT = (
    "x keeps its own shape: return another view of it.",
    "x 자신의 모양은 그대로여야 합니다. 새 뷰를 돌려주세요.",
)
WHY_VIEW = (
    "A dimension of size 1 holds no numbers of its own: nothing needs to be copied.",
    "크기가 1인 차원은 따로 담는 수가 없으므로 복사할 것도 없습니다.",
)


def check_drop_channel(learner, t):
    """drop_channel takes dimension 1 out of (N, 1, ...).

    drop_channel은 (N, 1, ...)에서 1번 차원을 뺍니다.
    """
    example = t.tensor(2, 1, 2)
    _drop(learner, t, example)
    for _ in range(3):
        count, height, width = (t.random.randint(2, 5) for _ in range(3))
        for shape in ((count, 1), (count, 1, height), (count, 1, height, width), (0, 1, height)):
            _drop(learner, t, t.tensor(*shape))
    _drop(learner, t, t.tensor(1, 3, 4).transpose(0, 1).to(torch.int64))


def check_batch_of_one_survives(learner, t):
    """drop_channel keeps every other dimension of size 1, that of the batch first of all.

    drop_channel은 크기가 1인 다른 차원을 지킵니다. 무엇보다 배치 차원이 그렇습니다.
    """
    n = t.random.randint(2, 5)
    for shape in ((1, 1), (1, 1, n, n), (n, 1, 1, n), (n, 1, n, 1), (1, 1, 1, 1), (1, 1, n, 1, 2)):
        _drop(learner, t, t.tensor(*shape))


def check_drop_channel_refuses(learner, t):
    """drop_channel refuses a tensor whose dimension 1 is not of size 1.

    drop_channel은 1번 차원의 크기가 1이 아닌 텐서를 거부합니다.
    """
    n = t.random.randint(2, 5)
    for shape in ((), (1,), (n,), (n, n), (1, n), (n, 3, n, n), (n, 0, n), (1, 2, 1), (n, n, 1)):
        t.raises(
            WRONG_SHAPE,
            lambda shape=shape: learner.drop_channel(t.tensor(*shape)),
            (
                f"{shape} has no channel dimension of size 1. squeeze(1) keeps silent about it, "
                "and the mistake shows far from here.",
                f"{shape}에는 크기가 1인 채널 차원이 없습니다. squeeze(1)은 말없이 넘어가므로 "
                "실수가 엉뚱한 곳에서 드러납니다.",
            ),
        )


def check_add_batch(learner, t):
    """add_batch puts a dimension of size 1 in front.

    add_batch는 맨 앞에 크기가 1인 차원을 더합니다.
    """
    n = t.random.randint(2, 5)
    for shape in ((), (3,), (2, 2), (1, n), (n, 1, 2), (0, n), (2, n, 3, 1)):
        x = t.tensor(*shape)
        want = torch.tensor([x.tolist()], device=t.device).reshape(1, *shape)
        t.equal(learner.add_batch(x), want, WHY_BATCH)
        t.equal(x.shape, torch.Size(shape), WHY_INTACT)
    x = t.tensor(2, 3).T.to(torch.int64)
    t.equal(learner.add_batch(x), torch.tensor([x.tolist()], device=t.device), WHY_BATCH)


def check_views(learner, t):
    """Both results are views: a write to them shows in x.

    두 결과는 모두 뷰입니다. 결과에 쓴 값이 x에 나타납니다.
    """
    for name, shape in (("drop_channel", (2, 1, 3)), ("add_batch", (2, 3))):
        x = t.tensor(*shape)
        got = getattr(learner, name)(x)
        got.fill_(50)
        t.equal(x, torch.full(shape, 50.0, device=t.device), WHY_VIEW)


def _drop(learner, t, x):
    """Compare drop_channel(x) with the first and only channel of each sample."""
    rest = x.shape[2:]
    channels = [sample[0] for sample in x.tolist()]
    want = torch.tensor(channels, dtype=x.dtype, device=t.device).reshape(len(channels), *rest)
    before = x.shape
    t.equal(learner.drop_channel(x), want, WHY_CHANNEL)
    t.equal(x.shape, before, WHY_INTACT)
