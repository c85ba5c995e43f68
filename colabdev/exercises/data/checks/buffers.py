"""Checks of buffers: sums over all rows in plain Python are the reference."""

import copy

import torch
from torch import nn


def check_names(learner, t):
    """Three buffers, of which two are saved, and no parameter.

    버퍼는 세 개이고 그중 두 개가 저장되며, 파라미터는 없습니다.
    """
    n = t.random.randint(2, 6)
    for width in (1, n):
        model = learner.RunningMean(width)
        t.true(isinstance(model, nn.Module), ("It is an nn.Module.", "nn.Module이어야 합니다."))
        zeros, none = torch.zeros(width), torch.tensor(0)
        t.equal(
            dict(model.named_buffers()),
            {"mean": zeros, "count": none, "last": zeros},
            ("What named_buffers() gives at the start.", "처음에 named_buffers()가 주는 것입니다."),
        )
        t.equal(
            [list(dict(model.named_buffers())), list(model.state_dict())],
            [["mean", "count", "last"], ["mean", "count"]],
            (
                "The order of the buffers, and what is saved: last is not (persistent=False).",
                "버퍼의 순서와 저장되는 것입니다. last는 저장하지 않습니다(persistent=False).",
            ),
        )
        t.equal(list(model.parameters()), [], ("Nothing to train.", "학습할 것은 없습니다."))


def check_no_second_name(learner, t):
    """No tensor of the module has a second name, and no two modules share one.

    텐서에 다른 이름이 없고, 모듈끼리 텐서를 함께 쓰지 않습니다.
    """
    model, other = learner.RunningMean(3), learner.RunningMean(3)
    model(t.tensor(4, 3, device="cpu"))
    t.equal(
        [name for name, value in vars(model).items() if isinstance(value, torch.Tensor)],
        [],
        (
            "A tensor that is a plain attribute, too, stays behind when the module moves.",
            "보통 속성으로도 둔 텐서는 모듈이 옮겨 갈 때 뒤에 남습니다.",
        ),
    )
    places = {buffer.data_ptr() for each in (model, other) for buffer in each.buffers()}
    t.equal(
        len(places),
        6,
        (
            "Each buffer has memory of its own: mean, count and last of two modules.",
            "버퍼마다 메모리가 따로 있어야 합니다. 두 모듈의 mean, count, last를 세었습니다.",
        ),
    )
    t.equal(other.mean, torch.zeros(3), ("The other one has seen nothing.", "다른 모듈입니다."))


def check_example(learner, t):
    """Two batches of one and two rows.

    행이 하나, 둘인 배치 두 개.
    """
    model = learner.RunningMean(2).to(t.device)
    first = torch.tensor([[1.0, 2.0]], device=t.device)
    second = torch.tensor([[4.0, 8.0], [7.0, 5.0]], device=t.device)
    t.equal(model(first), torch.zeros(1, 2, device=t.device))
    t.equal(
        model(second),
        torch.tensor([[0.0, 3.0], [3.0, 0.0]], device=t.device),
        (
            "The mean of all three rows is [4, 5]; it is updated first, then subtracted.",
            "세 행의 평균은 [4, 5]입니다. 먼저 갱신하고 나서 뺍니다.",
        ),
    )
    t.equal(model.last, torch.tensor([5.5, 6.5], device=t.device), ("mean(dim=0).", "mean(dim=0)."))


def check_mean_of_all_rows(learner, t):
    """mean is the mean of all rows so far, whatever the sizes of the batches.

    mean은 배치의 크기가 어떻든 지금까지 본 모든 행의 평균입니다.
    """
    for _ in range(3):
        n = t.random.randint(1, 4)
        model, rows = learner.RunningMean(n).to(t.device), []
        for _ in range(t.random.randint(3, 6)):
            x = t.tensor(t.random.randint(1, 7), n)
            before = x.clone()
            rows += x.tolist()
            got, mean = model(x), torch.tensor(_mean(rows), device=t.device)
            t.equal(x, before, ("The call changed x itself.", "호출이 x 자체를 바꾸었습니다."))
            t.equal(model.count, torch.tensor(len(rows), device=t.device))
            t.equal(
                model.mean,
                mean,
                (
                    "Every row counts the same, and not every batch.",
                    "배치가 아니라 행마다 같은 무게를 지닙니다.",
                ),
            )
            t.equal(model.last, torch.tensor(_mean(x.tolist()), device=t.device))
            t.equal(got, x - mean)


def check_eval(learner, t):
    """In eval() mode nothing is taken in; train() goes on.

    eval() 모드에서는 받아들이지 않고, train()에서 이어 갑니다.
    """
    model, x, y = learner.RunningMean(3).to(t.device), t.tensor(4, 3), t.tensor(2, 3)
    model(x)
    before = _buffers(model)
    model.eval()
    t.equal(
        model(y),
        y - torch.tensor(_mean(x.tolist()), device=t.device),
        ("In eval() the mean stays.", "eval()에서 평균은 그대로입니다."),
    )
    t.equal(_buffers(model), before, ("Nothing changes in eval().", "eval()에서 바뀌면 안 됩니다."))
    model.train()
    model(y)
    t.equal(model.mean, torch.tensor(_mean(x.tolist() + y.tolist()), device=t.device))


def check_no_rows(learner, t):
    """A batch with no rows changes nothing.

    행이 없는 배치는 아무것도 바꾸지 않습니다.
    """
    model, none = learner.RunningMean(3).to(t.device), torch.zeros(0, 3, device=t.device)
    for _ in range(2):
        before = _buffers(model)
        t.equal(model(none), none)
        t.equal(
            _buffers(model),
            before,
            (
                "The mean of no rows is nan, and a nan never leaves a running mean.",
                "행이 없으면 평균이 nan이 되고, nan은 한번 들어오면 사라지지 않습니다.",
            ),
        )
        model(t.tensor(2, 3))


def check_no_graph(learner, t):
    """The buffers stay out of the graph.

    버퍼는 그래프에 들어가지 않습니다.
    """
    model = learner.RunningMean(2).to(t.device)
    for _ in range(3):
        x = t.tensor(3, 2).requires_grad_()
        got = model(x)
        t.true(got.requires_grad, ("x itself stays in it.", "x 자신은 그래프에 남습니다."))
        got.sum().backward()
        t.equal(
            x.grad,
            torch.ones(3, 2, device=t.device),
            (
                "For the derivative, the mean is a constant.",
                "미분할 때 평균은 상수입니다.",
            ),
        )
        t.equal(
            [buffer.requires_grad for buffer in model.buffers()],
            [False] * 3,
            (
                "A buffer with a history would keep every batch ever seen in memory.",
                "버퍼에 계산 기록이 남으면 지금까지의 모든 배치가 메모리에 쌓입니다.",
            ),
        )


def check_moves(learner, t):
    """.to() moves and converts all the buffers, also after training.

    .to()는 학습한 뒤에도 버퍼를 모두 옮기고 변환합니다.
    """
    model, x = learner.RunningMean(2), t.tensor(4, 2, device="cpu")
    model(x)
    double = copy.deepcopy(model).to(torch.float64)
    t.equal(
        [buffer.dtype for buffer in double.buffers()],
        [torch.float64, torch.int64, torch.float64],
        (
            "To float64: the means, but not the count, which is no float.",
            "float64로 바뀌는 것은 평균들이고, 실수가 아닌 count는 그대로입니다.",
        ),
    )
    rows = x.tolist() + x.tolist()
    t.equal(double(x.double()), x.double() - torch.tensor(_mean(rows), dtype=torch.float64))
    t.equal(double.mean, torch.tensor(_mean(rows), dtype=torch.float64))
    moved = model.to("meta")
    t.equal(
        {name: buffer.device.type for name, buffer in moved.named_buffers()},
        dict.fromkeys(("mean", "count", "last"), "meta"),
        ("The device of each buffer.", "버퍼마다 어느 장치에 있는지 본 것입니다."),
    )
    t.equal(moved.eval()(x.to("meta")).device, torch.device("meta"))


def check_round_trip(learner, t):
    """Saved and loaded, another module goes on where this one was.

    저장했다 불러오면 다른 모듈이 이어서 계속합니다.
    """
    model, x, y = learner.RunningMean(2).to(t.device), t.tensor(3, 2), t.tensor(5, 2)
    model(x)
    state = copy.deepcopy(model.state_dict())
    other = learner.RunningMean(2).to(t.device)
    other.load_state_dict(state)
    t.equal(
        other.last, torch.zeros(2, device=t.device), ("last is not saved.", "last는 저장 안 함.")
    )
    want = torch.tensor(_mean(x.tolist() + y.tolist()), device=t.device)
    t.equal(other(y), y - want)
    t.equal(other.mean, want)
    t.equal(other.count, torch.tensor(8, device=t.device))
    t.equal(
        dict(model.state_dict()),
        dict(state),
        ("The first module is untouched.", "처음 모듈은 그대로여야 합니다."),
    )
    t.raises(
        RuntimeError,
        lambda: other.load_state_dict({"mean": torch.zeros(2)}),
        ("A state_dict without count is refused.", "count가 없는 state_dict는 거부됩니다."),
    )


def _buffers(model):
    return {name: buffer.clone() for name, buffer in model.named_buffers()}


def _mean(rows):
    """Return the mean of each column."""
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]
