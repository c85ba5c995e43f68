"""Checks of tensor-inspect: each tensor is made from what it should be described as."""

import json
import math

import numpy as np
import torch

# Each dtype of torch and NumPy's dtype that holds the same numbers.
DTYPES = {
    "float32": "float32",
    "float64": "float64",
    "float16": "float16",
    "bfloat16": "float32",
    "int64": "int64",
    "uint8": "uint8",
    "bool": "bool",
}

WHY_ARRAY = (
    "A NumPy array with the tensor's shape and numbers; bfloat16, which NumPy lacks, as float32.",
    "텐서와 모양, 수가 같은 NumPy 배열이어야 합니다. NumPy에 없는 bfloat16은 float32로 바꿉니다.",
)


def check_describe(learner, t):
    """describe(t) tells shape, ndim, numel, dtype and device.

    describe(t)는 shape, ndim, numel, dtype, device를 알려 줍니다.
    """
    why = (
        "Plain values: a list, whole numbers, and names such as 'float32' and 'cpu'.",
        "보통 파이썬 값이어야 합니다. 리스트, 정수, 그리고 'float32'나 'cpu' 같은 이름입니다.",
    )
    example = torch.tensor([[2, 3], [1, 4]], device="cpu")
    want = {"shape": [2, 2], "ndim": 2, "numel": 4, "dtype": "int64", "device": "cpu"}
    t.equal(learner.describe(example), want, why)
    for dtype in DTYPES:
        for shape in ((), (0, 3), (1,), [t.random.randint(1, 5) for _ in range(3)]):
            for device in ("cpu", "meta", t.device):
                tensor = torch.empty(shape, dtype=getattr(torch, dtype), device=device)
                got = learner.describe(tensor)
                want = {
                    "shape": list(shape),
                    "ndim": len(shape),
                    "numel": math.prod(shape),
                    "dtype": dtype,
                    "device": "cuda:0" if device == "cuda" else device,
                }
                t.equal(got, want, why)
                json.dumps(got)


def check_to_numpy(learner, t):
    """to_numpy(t) holds the tensor's numbers, for each dtype and shape.

    to_numpy(t)는 모든 dtype과 모양에서 텐서의 수를 담습니다.
    """
    _compare(learner, t, torch.tensor([[2, 3], [1, 4]], device=t.device))
    for dtype in DTYPES:
        kind = getattr(torch, dtype)
        for shape in ((), (0, 2), (4,), (t.random.randint(2, 4), 1, t.random.randint(5, 6))):
            _compare(learner, t, t.tensor(*shape).abs().to(kind))
    # Not whole, and beyond what float16 holds: a detour by way of another dtype would show.
    _compare(learner, t, torch.tensor([2.0**80, 0.375, -(2.0**-60)]).bfloat16().to(t.device))
    _compare(learner, t, torch.tensor([1 / 3, 1e300], dtype=torch.float64, device=t.device))
    _compare(learner, t, torch.tensor([2**53 + 1, -1], device=t.device))
    _compare(learner, t, t.tensor(3, 4).T)


def check_to_numpy_with_gradient(learner, t):
    """to_numpy takes tensors that need gradients, and leaves them as they are.

    to_numpy는 기울기가 필요한 텐서도 받으며, 그 텐서를 바꾸지 않습니다.
    """
    for dtype in ("float32", "float64", "bfloat16", "float16"):
        leaf = t.tensor(2, 3).to(getattr(torch, dtype)).requires_grad_()
        result = leaf * 2
        for tensor in (leaf, result):
            _compare(learner, t, tensor)
        t.true(
            leaf.requires_grad and leaf.is_leaf and result.grad_fn is not None,
            (
                "Detach a view of the tensor, not the tensor itself: it is still to be trained.",
                "텐서 자체를 떼어 내지 마세요. 앞으로 학습해야 할 텐서입니다. 새 텐서를 쓰세요.",
            ),
        )


def check_to_numpy_shares(learner, t):
    """A tensor on the CPU is not copied: the array is its memory.

    CPU에 있는 텐서는 복사하지 않습니다. 배열은 텐서의 메모리입니다.
    """
    why = (
        "tensor.numpy() copies nothing, and neither do detach() and, on the CPU, cpu().",
        "tensor.numpy()는 복사하지 않습니다. detach()도, CPU에서라면 cpu()도 마찬가지입니다.",
    )
    for dtype in ("float32", "int64", "bool"):
        tensor = t.tensor(2, 3, device="cpu").to(getattr(torch, dtype))
        array = learner.to_numpy(tensor)
        tensor.fill_(1)
        t.true(bool((array == 1).all()), why)
        array[0, 0] = 0
        t.equal(tensor[0, 0].item(), tensor.new_zeros(()).item(), why)
    weight = t.tensor(3, device="cpu").requires_grad_()
    array = learner.to_numpy(weight)
    with torch.no_grad():
        weight.fill_(5)
    t.equal(array.tolist(), [5.0, 5.0, 5.0], why)


def _compare(learner, t, tensor):
    """Compare to_numpy(tensor) with its numbers by way of Python lists."""
    array = learner.to_numpy(tensor)
    t.equal(type(array), np.ndarray, WHY_ARRAY)
    t.equal(array.shape, tuple(tensor.shape), WHY_ARRAY)
    t.equal(array.dtype.name, DTYPES[str(tensor.dtype).removeprefix("torch.")], WHY_ARRAY)
    t.true(array.tolist() == tensor.tolist(), WHY_ARRAY)
