"""Checks of device-move: the meta device stands in for a GPU."""

import contextlib
import functools
import time

import torch


def check_pick_device(learner, t):
    """pick_device() names a device that works here.

    pick_device()는 이 컴퓨터에서 쓸 수 있는 장치를 고릅니다.
    """
    device = learner.pick_device()
    t.equal(type(device), torch.device, ("Return a torch.device.", "torch.device를 돌려주세요."))
    if torch.cuda.is_available():
        t.equal(device.type, "cuda", ("This machine has a GPU.", "이 컴퓨터에는 GPU가 있습니다."))
        return
    t.true(
        device.type != "cuda",
        (
            "This machine has no GPU, yet cuda was picked. Was the function called?",
            "GPU가 없는데 cuda를 골랐습니다. 함수를 정말로 호출했나요?",
        ),
    )
    torch.zeros(1, device=device)


def check_pick_device_asks(learner, t):
    """pick_device() asks each time, and follows the answer.

    pick_device()는 부를 때마다 확인하고 그 답을 따릅니다.
    """
    for available in (True, False, True):
        with _pretended(available):
            device = torch.device(learner.pick_device())
        t.equal(
            device.type == "cuda",
            available,
            (
                f"torch.cuda.is_available() answered {available} here (it was made to).",
                f"여기서는 torch.cuda.is_available()이 {available}을(를) 돌려주게 했습니다.",
            ),
        )


def check_move_tensor(learner, t):
    """move(tensor, device) returns it on the device.

    move(tensor, device)는 그 장치로 옮긴 텐서를 돌려줍니다.
    """
    tensor = t.tensor(2, 3, device="cpu")
    why = ("Use tensor.to(device).", "tensor.to(device)를 쓰세요.")
    for target in ("meta", torch.device("meta")):
        t.equal(learner.move(tensor, target), tensor.to("meta"), why)
    t.equal(learner.move(tensor, t.device), tensor.to(t.device), why)
    t.equal(learner.move(learner.move(tensor, t.device), "cpu"), tensor, why)
    t.same(
        learner.move(tensor, "cpu"),
        tensor,
        (
            "It is on the CPU already; .to() returns the tensor itself, a copy costs memory.",
            "이미 CPU에 있습니다. .to()는 자기 자신을 돌려줍니다. 복사하면 메모리가 낭비됩니다.",
        ),
    )


def check_move_keeps_the_graph(learner, t):
    """A moved tensor still knows where it came from.

    옮긴 텐서도 기울기를 원래 텐서로 전합니다.
    """
    weight = t.tensor(3, device="cpu").double().requires_grad_()
    moved = learner.move(weight * 1, t.device)
    t.equal(
        moved.requires_grad,
        True,
        (
            "Do not detach: training needs the graph.",
            "detach하지 마세요. 학습에는 그래프가 필요합니다.",
        ),
    )
    moved.sum().backward()
    t.equal(weight.grad, torch.ones(3, dtype=torch.float64))


def check_move_nested(learner, t):
    """move reaches every tensor in nested dicts, lists and tuples.

    move는 중첩된 딕셔너리, 리스트, 튜플 속 텐서를 모두 옮깁니다.
    """
    why = (
        "Same containers, same keys, same order; every tensor moved, all else as it was.",
        "같은 컨테이너, 같은 키, 같은 순서로, 텐서는 모두 옮기고 나머지는 그대로 두세요.",
    )
    for target in ("meta", t.device):
        x, y = t.tensor(2, 2, device="cpu"), t.tensor(1, device="cpu")
        example = {"x": x, "y": [1, "cat", None, (y,)]}
        moved = {"x": x.to(target), "y": [1, "cat", None, (y.to(target),)]}
        t.equal(learner.move(example, target), moved, why)
        for batch in ({}, [], (), 7, "text", None):
            t.equal(learner.move(batch, target), batch, why)
        for _ in range(10):
            batch, moved = _batch(t, target, depth=3)
            t.equal(learner.move(batch, target), moved, why)


def check_move_changes_nothing(learner, t):
    """The batch that was given stays as it was.

    받은 배치는 그대로 남습니다.
    """
    inner = [t.tensor(2, device="cpu"), "label"]
    batch = {"inputs": inner, "pair": (t.tensor(1, device="cpu"), 3)}
    before = {"inputs": list(inner), "pair": batch["pair"]}
    moved = learner.move(batch, "meta")
    why = (
        "Build new containers: whoever gave you the batch may still need it on the CPU.",
        "새 컨테이너를 만드세요. 배치를 준 쪽에서 CPU에 있는 것을 아직 쓸 수 있습니다.",
    )
    t.equal(batch, before, why)
    t.true(moved is not batch and moved["inputs"] is not inner, why)


def _batch(t, target, depth):
    """Return a random batch, and the same batch as it should be after the move to *target*."""
    kind = t.random.choice(("tensor", "dict", "list", "tuple", "other")) if depth else "tensor"
    if kind == "tensor":
        shape = [t.random.randint(0, 3) for _ in range(t.random.randint(0, 3))]
        dtype = t.random.choice((torch.float32, torch.int64, torch.bool, torch.float16))
        tensor = t.tensor(*shape, device="cpu").to(dtype)
        return tensor, tensor.to(target)
    if kind == "other":
        return (t.random.choice((3, 2.5, "name", None, True)),) * 2
    pairs = [_batch(t, target, depth - 1) for _ in range(t.random.randint(0, 3))]
    if kind == "dict":
        keys = [t.random.choice((f"key{at}", at)) for at in range(len(pairs))]
        return tuple(dict(zip(keys, items, strict=True)) for items in _columns(pairs))
    before, after = _columns(pairs)
    return (before, after) if kind == "list" else (tuple(before), tuple(after))


def _columns(pairs):
    return [one for one, _ in pairs], [other for _, other in pairs]


@contextlib.contextmanager
def _pretended(available):
    """Let torch say that there is a GPU, or that there is none; nothing touches it meanwhile."""
    answers = {
        (torch.cuda, "is_available"): available,
        (torch.cuda, "device_count"): int(available),
    }
    if hasattr(torch, "accelerator"):
        current = torch.device("cuda") if available else None
        answers[torch.accelerator, "is_available"] = available
        answers[torch.accelerator, "device_count"] = int(available)
        answers[torch.accelerator, "current_accelerator"] = current
    before = {place: getattr(*place) for place in answers}
    for place, answer in answers.items():
        setattr(*place, lambda *_, _answer=answer, **__: _answer)
    try:
        yield
    finally:
        for place, function in before.items():
            setattr(*place, function)


# ---- measurements ------------------------------------------------------------------------------

SIZES = {"4kb": 4 * 2**10, "1mb": 2**20, "64mb": 64 * 2**20, "256mb": 256 * 2**20}  # bytes
LATENCY = "4kb"
WITHIN = ("1mb", "64mb")  # the sizes that are also copied within the device


def measure(learner, emit, device):
    """Measure move() to the GPU and back, from pageable and from pinned memory."""
    _first_touch(emit, device)
    for size in WITHIN:
        source = _bytes(SIZES[size]).to(device)
        timing = emit.time(functools.partial(torch.empty_like(source).copy_, source))
        _speed(emit, f"copy-{size}-within", "device_copy_gb_per_s", timing, SIZES[size], device)
    for size, count in SIZES.items():
        for memory in ("pageable", "pinned"):
            case = f"copy-{size}-{memory}"
            host, reason = (None, "no cuda") if device == "cpu" else _host(emit, count, memory)
            if reason:
                for metric in ("h2d_gb_per_s", "d2h_gb_per_s"):
                    emit(case, metric, skipped=reason, unit="GB/s", better="higher", device="cuda")
                if size == LATENCY:
                    emit(
                        case, "latency_us", skipped=reason, unit="us", better="lower", device="cuda"
                    )
                continue
            _both_ways(learner, emit, case, host, memory == "pinned", size == LATENCY)


def _first_touch(emit, device):
    """Emit what the first use of the GPU costs in a process; it can be measured but once."""
    row = {"unit": "s", "better": "lower", "device": "cuda"}
    if device == "cpu":
        emit("cuda-init", "cuda_init_s", skipped="no cuda", **row)
        return
    began = time.perf_counter()
    torch.zeros(1, device="cuda")
    torch.cuda.synchronize()
    emit("cuda-init", "cuda_init_s", time.perf_counter() - began, replicates=1, iqr=0.0, **row)


def _host(emit, count, memory):
    """Return *count* bytes in the given kind of memory, or why there are none."""
    if emit.left < 5:
        return None, "no time left"
    host = _bytes(count)
    if memory == "pageable":
        return host, ""
    try:
        return host.pin_memory(), ""
    except RuntimeError as error:
        return None, f"no pinned memory: {str(error).splitlines()[0]}"


def _both_ways(learner, emit, case, host, is_pinned, is_small):
    there = learner.move(host, "cuda")
    emit.true(torch.equal(learner.move(there, "cpu"), host), f"{case} came back changed.")
    out = emit.time(lambda: learner.move(host, "cuda"))
    # The way back ends in pageable memory, unless the pinned memory to fill is there already.
    back = emit.time(lambda: host.copy_(there) if is_pinned else learner.move(there, "cpu"))
    _speed(emit, case, "h2d_gb_per_s", out, host.nbytes, "cuda")
    _speed(emit, case, "d2h_gb_per_s", back, host.nbytes, "cuda")
    if is_small:
        spread = {"replicates": out.replicates, "iqr": out.iqr * 1e6}
        row = {"unit": "us", "better": "lower", "device": "cuda", "dtype": "int64"}
        emit(case, "latency_us", out.median * 1e6, **spread, **row)


def _bytes(count):
    """Return a tensor of *count* bytes, each number in it another."""
    return torch.arange(count // 8)


def _speed(emit, case, metric, timing, count, device):
    """Emit a row in gigabytes (10^9 bytes) a second."""
    speed = count / timing.median / 1e9
    spread = {"replicates": timing.replicates, "iqr": speed * timing.iqr / timing.median}
    row = {"unit": "GB/s", "better": "higher", "device": device, "dtype": "int64"}
    emit(case, metric, speed, **spread, **row)
