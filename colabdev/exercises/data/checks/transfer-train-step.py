"""Checks of transfer-train-step: the same training written out in float64 is the reference."""

import contextlib
import copy
import functools
import os
import pathlib
import tempfile

import torch
from torch import nn
from torch.nn import functional as F

FROZEN = (
    "The backbone must stay bit by bit as it was: weights by requires_grad_(False), BatchNorm's "
    "statistics by eval().",
    "백본은 비트까지 그대로여야 합니다. 가중치는 requires_grad_(False)로, BatchNorm의 통계는 "
    "eval()로 지킵니다.",
)


class Pretrained(nn.Module):
    """A small trained net: BatchNorm, dropout, and a head that is no single layer."""

    def __init__(self, features=5):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, features), nn.Tanh()
        )
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(features, 3))
        for _ in range(5):  # so that BatchNorm has statistics to lose
            self(torch.randn(16, 6) * 2 + 1)

    def forward(self, x):
        return self.head(self.backbone(x))


def check_freeze(learner, t):
    """freeze stops gradients, statistics and dropout.

    freeze는 기울기, 통계, 드롭아웃을 모두 멈춥니다.
    """
    net = Pretrained().to(t.device)
    t.same(learner.freeze(net), net, ("Return net itself.", "net 자신을 돌려주세요."))
    trainable = [name for name, parameter in net.named_parameters() if parameter.requires_grad]
    t.equal(
        trainable,
        [],
        ("No parameter needs a gradient.", "기울기가 필요한 파라미터가 없어야 합니다."),
    )
    training = [name for name, module in net.named_modules() if module.training]
    t.equal(
        training, [], ("Every module is in evaluation mode.", "모든 모듈이 평가 모드여야 합니다.")
    )


def check_feature_size(learner, t):
    """feature_size sees what reaches the head, through a hook that goes again.

    feature_size는 head에 닿는 것을 hook으로 보고, hook은 사라집니다.
    """
    why = (
        "The last dimension of the head's input, whatever the head is made of.",
        "head가 무엇으로 되어 있든, head 입력의 마지막 차원입니다.",
    )
    for features in t.random.sample(range(1, 20), 4):
        net = Pretrained(features).to(t.device).requires_grad_(False).eval()
        before, seen = _state(net), []
        net.head.register_forward_hook(lambda _head, _args, y, seen=seen: seen.append(y))
        inputs = t.tensor(t.random.randint(2, 7), 6).requires_grad_()
        t.equal(learner.feature_size(net, inputs), features, why)
        t.equal(
            [y.requires_grad for y in seen],
            [False],
            (
                "One run, without a graph: torch.no_grad().",
                "그래프 없이 한 번만 실행하세요(no_grad).",
            ),
        )
        t.equal(_state(net), before, FROZEN)
        t.equal(_pre_hooks(net), 0, ("The hook is still there.", "hook이 남아 있습니다."))
    words = nn.Sequential()
    words.add_module("backbone", nn.Linear(6, 7))
    words.add_module("head", nn.Linear(7, 4))
    words.to(t.device).requires_grad_(False).eval()
    t.equal(
        learner.feature_size(words, t.tensor(2, 3, 6)),
        7,
        (
            "2 samples of 3 words with 7 features each: the last dimension, always.",
            "샘플 2개에 단어가 3개씩, 단어마다 특징이 7개입니다. 언제나 마지막 차원입니다.",
        ),
    )
    t.raises(
        RuntimeError,
        lambda: learner.feature_size(_failing(net), t.tensor(2, 6)),
        ("The net's own error passes through.", "신경망에서 난 오류는 그대로 전해져야 합니다."),
    )
    t.equal(
        _pre_hooks(net),
        0,
        ("The run failed and the hook is still there.", "실행이 실패하자 hook이 남았습니다."),
    )
    t.true(torch.is_grad_enabled(), ("Autograd is left switched off.", "autograd가 꺼진 채입니다."))


def check_head(learner, t):
    """The new head is linear, starts at 0, and has a class for every label.

    새 head는 0에서 시작하는 선형 층이고 모든 레이블의 클래스가 있습니다.
    """
    for classes in (2, 4, 7):
        net, data = Pretrained().to(t.device), _data(t, classes)
        t.equal(
            learner.finetune(net, data, 0), [], ("No step, no loss.", "0걸음이면 손실도 없습니다.")
        )
        t.equal(
            type(net.head), nn.Linear, ("net.head is an nn.Linear.", "net.head는 nn.Linear입니다.")
        )
        t.equal(
            net.head.weight.detach(),
            torch.zeros(classes, 5, device=t.device),
            (
                "5 features reach the head. The largest label may be in any of the batches.",
                "head에 특징 5개가 닿습니다. 가장 큰 레이블은 어느 배치에나 있을 수 있습니다.",
            ),
        )
        t.equal(
            net.head.bias.detach(),
            torch.zeros(classes, device=t.device),
            ("A bias for each class, 0 at first.", "클래스마다 편향이 있고 처음에는 0입니다."),
        )


def check_training(learner, t):
    """The losses and the head are those of SGD with momentum.

    손실과 head는 모멘텀을 쓰는 SGD의 결과와 같습니다.
    """
    for steps, batches in ((1, 3), (2, 3), (3, 1), (4, 3), (t.random.randint(20, 30), 3)):
        net, data = Pretrained().to(t.device), _data(t, 4)[:batches]
        want, weight, bias = _reference(net, data, steps)
        losses = learner.finetune(net, data, steps)
        t.equal(
            [type(loss) for loss in losses],
            [float] * steps,
            (
                "A list with one float for each step.",
                "걸음마다 실수(float) 하나가 든 리스트입니다.",
            ),
        )
        t.equal(
            torch.tensor(losses),
            want,
            (
                "Step k uses batch k modulo their number; cross_entropy; SGD with lr 0.1 and "
                "momentum 0.9; the net in evaluation mode.",
                "k번째 걸음은 k를 배치 수로 나눈 나머지 번째 배치를 씁니다. cross_entropy, 학습률 "
                "0.1과 모멘텀 0.9의 SGD, 평가 모드인지 확인하세요.",
            ),
        )
        why = ("This is the head after the last step.", "마지막 걸음 뒤의 head입니다.")
        t.equal(net.head.weight.detach().cpu(), weight, why)
        t.equal(net.head.bias.detach().cpu(), bias, why)


def check_loss_falls(learner, t):
    """The loss falls.

    손실이 줄어듭니다.
    """
    losses = learner.finetune(Pretrained().to(t.device), _data(t, 4), 60)
    t.true(
        sum(losses[-3:]) < 0.9 * sum(losses[:3]),
        ("60 steps, and the loss is hardly smaller.", "60걸음 뒤에도 손실이 거의 줄지 않았습니다."),
    )


def check_backbone_is_untouched(learner, t):
    """Only the head changes and needs gradients; no hook is left.

    head만 바뀌고 기울기도 head에만 필요하며, hook은 남지 않습니다.
    """
    net, data = Pretrained().to(t.device), _data(t, 4)
    before = _state(net.backbone)
    learner.finetune(net, data, 9)
    t.equal(_state(net.backbone), before, FROZEN)
    t.equal(
        [name for name, parameter in net.named_parameters() if parameter.requires_grad],
        ["head.weight", "head.bias"],
        ("The head is trained, and it alone.", "head만 학습시킵니다."),
    )
    t.true(
        not any(module.training for module in net.backbone.modules()),
        ("The net is in evaluation mode at the end, too.", "끝난 뒤에도 평가 모드여야 합니다."),
    )
    t.true(
        all(parameter.grad is None for parameter in net.backbone.parameters()),
        ("The backbone gets no gradients.", "백본에는 기울기가 생기지 않습니다."),
    )
    t.equal(_pre_hooks(net), 0, ("The hook is still there.", "hook이 남아 있습니다."))


def check_resume(learner, t):
    """A break changes nothing: resumed is like never stopped.

    끊었다 이어도 끊지 않은 것과 같습니다.
    """
    start, data = Pretrained().to(t.device), _data(t, 4)
    steps, stop = 14, t.random.randint(4, 10)
    whole = copy.deepcopy(start)
    want = learner.finetune(whole, data, steps)
    for kind in (str, pathlib.Path):
        with tempfile.TemporaryDirectory() as folder:
            path = kind(os.path.join(folder, "head.pt"))  # noqa: PTH118 - of both kinds
            part = learner.finetune(copy.deepcopy(start), data, stop, path)
            t.equal(len(part), stop, ("One loss for each step.", "걸음마다 손실 하나입니다."))
            torch.load(path)
            again, runs = copy.deepcopy(start), []
            again.register_forward_hook(lambda *_, runs=runs: runs.append(1))
            got = learner.finetune(again, data, steps, path)
            t.true(
                len(runs) <= steps - stop + 1,
                (
                    f"{stop} of {steps} steps were done, yet the net ran {len(runs)} times: once "
                    "for each step that is left, and once for feature_size, is enough.",
                    f"{steps}걸음 가운데 {stop}걸음을 끝냈는데 신경망이 {len(runs)}번 "
                    "실행되었습니다. 남은 걸음마다 한 번, feature_size에 한 번이면 됩니다.",
                ),
            )
            _equal_runs(t, got, want, again, whole)
            more = copy.deepcopy(start)
            _equal_runs(t, learner.finetune(more, data, steps, path), want, more, whole)


def check_save_fails(learner, t):
    """A save that fails half-way leaves the earlier checkpoint whole.

    저장이 도중에 실패해도 이전 체크포인트는 온전합니다.
    """
    start, data = Pretrained().to(t.device), _data(t, 4)
    whole = copy.deepcopy(start)
    want = learner.finetune(whole, data, 12)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "head.pt"
        learner.finetune(copy.deepcopy(start), data, 5, path)
        t.true(path.is_file(), ("There is no file at path.", "path에 파일이 없습니다."))
        with _full_disk():
            t.raises(
                OSError,
                lambda: learner.finetune(copy.deepcopy(start), data, 8, path),
                (
                    "The disk was full (it was made to be); whoever called must learn of it.",
                    "디스크가 가득 찬 상황을 만들었습니다. 부른 쪽이 오류를 알아야 합니다.",
                ),
            )
        again = copy.deepcopy(start)
        try:
            got = learner.finetune(again, data, 12, path)
        except Exception as error:
            t.true(
                False,
                (
                    f"The earlier checkpoint is gone ({type(error).__name__}): save under another "
                    "name first, then os.replace.",
                    f"이전 체크포인트가 망가졌습니다({type(error).__name__}). 먼저 다른 이름으로 "
                    "저장한 뒤 os.replace로 바꾸세요.",
                ),
            )
        _equal_runs(t, got, want, again, whole)


def _equal_runs(t, got, want, net, whole):
    """Fail unless two runs ended alike: bit by bit on the CPU, closely on a GPU."""
    why = (
        "What was done before the break is part of the list, and is not done again. Besides the "
        "head, the optimizer's momentum and the number of steps belong in the checkpoint.",
        "끊기기 전의 손실도 리스트에 들어 있고, 끝낸 걸음은 다시 하지 않습니다. 체크포인트에는 "
        "head뿐 아니라 옵티마이저의 모멘텀과 걸음 수도 있어야 합니다.",
    )
    t.equal(torch.tensor(got), torch.tensor(want), why)
    t.equal(_state(net), _state(whole), why)
    if t.device == "cpu":
        same = got == want and all(
            torch.equal(one, other)
            for one, other in zip(_state(net).values(), _state(whole).values(), strict=True)
        )
        t.true(
            same, ("Close, but not bit by bit the same.", "비슷하지만 비트까지 같지는 않습니다.")
        )


def _reference(net, data, steps):
    """Return the losses and the head, by the formulas of softmax regression in float64."""
    backbone = copy.deepcopy(net.backbone).cpu().double().eval()
    count = 1 + max(int(labels.max()) for _, labels in data)
    weight, bias = torch.zeros(count, 5).double(), torch.zeros(count).double()
    speed_weight, speed_bias, losses = 0, 0, []
    for step in range(steps):
        inputs, labels = (each.cpu() for each in data[step % len(data)])
        with torch.no_grad():
            features = backbone(inputs.double())
        chances = (features @ weight.T + bias).softmax(1)
        at = torch.arange(len(labels))
        losses.append(-chances[at, labels].log().mean().item())
        chances[at, labels] -= 1
        speed_weight = 0.9 * speed_weight + chances.T @ features / len(labels)
        speed_bias = 0.9 * speed_bias + chances.mean(0)
        weight, bias = weight - 0.1 * speed_weight, bias - 0.1 * speed_bias
    return torch.tensor(losses), weight.float(), bias.float()


def _data(t, classes):
    """Return three batches whose labels follow from the inputs; one holds the largest label."""
    batches = []
    for size in (12, 16, 9):
        inputs = t.tensor(size, 6) / 5
        labels = (inputs[:, :2].sum(1) > 0).long()
        batches.append((inputs, labels))
    batches[t.random.randrange(3)][1][-1] = classes - 1
    return batches


def _state(net):
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def _pre_hooks(net):
    """Count the hooks that look at inputs; the check's own look at outputs."""
    return sum(len(module._forward_pre_hooks) for module in net.modules())


def _failing(net):
    """Return *net* with a head that raises an error when it runs."""

    def fail(*_):
        raise RuntimeError("This head fails.")

    net.head.register_forward_hook(fail)
    return net


@contextlib.contextmanager
def _full_disk():
    """Let torch.save stop half-way, as on a full disk."""

    def stop(_state, target, *_, **__):
        begun = b"half a checkpoint"
        if hasattr(target, "write"):
            target.write(begun)
        else:
            pathlib.Path(target).write_bytes(begun)
        raise OSError("No space left on device")

    before, torch.save = torch.save, stop
    try:
        yield
    finally:
        torch.save = before


# ---- measurements ------------------------------------------------------------------------------

BATCHES = (64, 256, 1024)
STEPS = 5
METRICS = {
    "ms_per_step": ("ms", "lower"),
    "samples_per_s": ("samples/s", "higher"),
    "forward_ms": ("ms", "lower"),
    "backward_ms": ("ms", "lower"),
    "optimizer_ms": ("ms", "lower"),
    "peak_memory_mb": ("MB", "lower"),
    "loss_first": ("", "none"),
    "loss_last": ("", "none"),
    "trainable_params": ("", "none"),
}


class Mlp(nn.Module):
    """784-512-512-10, the classic for handwritten digits."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU()
        )
        self.head = nn.Linear(512, 10)

    def forward(self, x):
        return self.head(self.backbone(x))


def measure(learner, emit, device):
    """Measure training of the head, and of everything, in three batch sizes."""
    torch.manual_seed(0)
    start = Mlp().to(device)
    for batch in BATCHES:
        data = [(torch.randn(batch, 784) / 2, torch.randint(10, (batch,)))]
        data = [tuple(each.to(device) for each in pair) for pair in data]
        net = copy.deepcopy(start)
        losses = learner.finetune(net, data, STEPS)
        emit.true(losses[-1] < losses[0], f"The loss does not fall with batches of {batch}.")
        emit.true(
            all(
                torch.equal(one, other)
                for one, other in zip(
                    net.backbone.parameters(), start.backbone.parameters(), strict=True
                )
            ),
            "A frozen weight has changed.",
        )
        if device == "cpu" and batch == BATCHES[0]:
            emit.true(_resumed(learner, start, data) == losses, "Resuming changes the losses.")
        for precision in ("fp32", "amp"):
            for scope in ("frozen", "full"):
                case = f"mlp-b{batch}-{precision}-{scope}"
                reason = _unfit(emit, precision, device)
                values, timings = (
                    ({}, {})
                    if reason
                    else _case(learner, emit, copy.deepcopy(start), data, precision, scope)
                )
                _report(emit, case, values, timings, reason or "no cuda", device, precision)


def _unfit(emit, precision, device):
    if precision == "amp" and device == "cpu":
        return "no cuda"
    return "" if emit.left > 3 else "no time left"


def _resumed(learner, start, data):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "head.pt"
        learner.finetune(copy.deepcopy(start), data, 2, path)
        return learner.finetune(copy.deepcopy(start), data, STEPS, path)


def _case(learner, emit, net, data, precision, scope):
    """Return the values and the timings of one case; the learner's finetune prepares the net."""
    learner.finetune(net, data, 0)
    if scope == "full":
        net.requires_grad_(True)
    parameters = [each for each in net.parameters() if each.requires_grad]
    (inputs, labels), is_amp = data[0], precision == "amp"
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
    scaler = torch.amp.GradScaler(inputs.device.type, enabled=is_amp)

    def forward():
        with torch.autocast(inputs.device.type, torch.float16, enabled=is_amp):
            return F.cross_entropy(net(inputs), labels)

    def step():
        optimizer.zero_grad()
        loss = forward()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss

    if inputs.is_cuda:
        torch.cuda.reset_peak_memory_stats()
    losses = [step().item() for _ in range(STEPS)]
    emit.true(losses[-1] < losses[0], f"The loss does not fall ({scope}, {precision}).")
    values = {
        "loss_first": losses[0],
        "loss_last": losses[-1],
        "trainable_params": sum(each.numel() for each in parameters),
    }
    if inputs.is_cuda:
        values["peak_memory_mb"] = torch.cuda.max_memory_allocated() / 2**20
    for group in optimizer.param_groups:
        group["lr"] = 1e-6  # hundreds of timed steps on one batch lead nowhere
    timings = {"ms_per_step": emit.time(step, 0.1), "forward_ms": emit.time(forward, 0.1)}
    # The graph of this loss needs the weights of now: the optimizer comes after it.
    backward = functools.partial(torch.autograd.grad, forward(), parameters, retain_graph=True)
    timings["backward_ms"] = emit.time(backward, 0.1)
    timings["optimizer_ms"] = emit.time(optimizer.step, 0.05)
    values |= {metric: timing.median * 1e3 for metric, timing in timings.items()}
    values["samples_per_s"] = len(inputs) / timings["ms_per_step"].median
    timings["samples_per_s"] = timings["ms_per_step"]
    return values, timings


def _report(emit, case, values, timings, why_none, device, precision):
    """Emit a row for each metric: its value, or why there is none."""
    dtype = "float16" if precision == "amp" else "float32"
    for metric, (unit, better) in METRICS.items():
        row = {"unit": unit, "better": better, "device": device, "dtype": dtype}
        if metric not in values:
            emit(case, metric, skipped=why_none, **row)
        elif timing := timings.get(metric):
            spread = values[metric] * timing.iqr / timing.median
            emit(case, metric, values[metric], iqr=spread, replicates=timing.replicates, **row)
        else:
            emit(case, metric, values[metric], **row)
