"""Checks of tensor-creation: lists of Python numbers are the reference; writes tell the rest."""

import numpy as np
import torch

# Of each pair of dtypes, NumPy's and torch's name the same thing.
DTYPES = {
    np.int64: torch.int64,
    np.int32: torch.int32,
    np.uint8: torch.uint8,
    np.bool_: torch.bool,
    np.float32: torch.float32,
    np.float64: torch.float64,
}

INTACT = (
    "The array that was given must keep its numbers, its shape and its dtype.",
    "받은 배열의 값, 모양, dtype은 그대로여야 합니다.",
)


def check_as_float32(learner, t):
    """as_float32(a) holds the numbers of the array as float32.

    as_float32(a)는 배열의 수를 float32로 담습니다.
    """
    why = (
        "The same numbers in the same shape, in float32.",
        "같은 모양에 같은 수를 float32로 담아야 합니다.",
    )
    example = np.array([[2, 3], [1, 4]])
    t.equal(learner.as_float32(example), torch.tensor([[2.0, 3.0], [1.0, 4.0]]), why)
    for array in _arrays(t):
        before = array.copy()
        t.equal(learner.as_float32(array), _tensor(array, torch.float32), why)
        t.true(_alike(array, before), INTACT)
    t.equal(
        learner.as_float32(np.array([2**24 + 1])).item(),
        float(2**24),
        (
            "float32 has 24 binary digits: 2**24 + 1 is rounded to 2**24.",
            "float32의 유효 자릿수는 2진수 24자리입니다. 2**24 + 1은 2**24로 반올림됩니다.",
        ),
    )


def check_as_float32_copies(learner, t):
    """A later write to the array does not show in as_float32(a).

    나중에 배열을 고쳐도 as_float32(a)에는 나타나지 않습니다.
    """
    for kind in (np.int64, np.float32, np.float64):
        array = _array(t, kind, 2, 3)
        got, before = learner.as_float32(array), _tensor(array, torch.float32)
        array[...] = 77
        t.equal(
            got,
            before,
            (
                f"The array was {np.dtype(kind).name}. When nothing has to be converted, "
                "some of torch's functions share the memory: ask for a copy.",
                f"배열은 {np.dtype(kind).name}이었습니다. 변환할 것이 없으면 메모리를 공유하는 "
                "함수가 있습니다. 복사를 분명히 요청하세요.",
            ),
        )


def check_shared(learner, t):
    """shared(a) is the array's own memory: writes go both ways.

    shared(a)는 배열의 메모리를 그대로 씁니다. 쓰기가 양쪽으로 통합니다.
    """
    why = (
        "One memory, two names: what is written to one shows in the other.",
        "메모리 하나에 이름이 둘입니다. 한쪽에 쓴 값이 다른 쪽에도 나타나야 합니다.",
    )
    for array in _arrays(t, positive_strides=True):
        got = learner.shared(array)
        t.equal(got, _tensor(array, DTYPES[array.dtype.type]), why)
        array[...] = 1 - array.astype(np.int64) % 2
        t.equal(got, _tensor(array, DTYPES[array.dtype.type]), why)
        got.zero_()
        t.true(not array.any(), why)
    example = np.array([[2, 3], [1, 4]])
    got = learner.shared(example)
    example[0, 0] = 99
    t.equal(got, torch.tensor([[99, 3], [1, 4]]), why)


def check_shared_refuses(learner, t):
    """shared refuses an array that cannot be shared.

    shared는 공유할 수 없는 배열을 거부합니다.
    """
    array = _array(t, np.float32, 3, 4)
    for reverse in (array[::-1], array[:, ::-1], array[::-1, ::-2]):
        t.raises(
            (ValueError, RuntimeError, TypeError),
            lambda reverse=reverse: learner.shared(reverse),
            (
                "torch has no negative strides. A copy would look right, and share nothing.",
                "torch에는 음수 간격(stride)이 없습니다. 복사본은 맞아 보여도 공유하지 않습니다.",
            ),
        )


def check_independent(learner, t):
    """independent(a) keeps numbers and dtype.

    independent(a)는 수와 dtype을 그대로 지킵니다.
    """
    why = (
        "The same numbers, shape and dtype as the array, a reversed array included.",
        "수, 모양, dtype이 배열과 같아야 합니다. 뒤집은 배열도 마찬가지입니다.",
    )
    example = np.array([[2, 3], [1, 4]])
    t.equal(learner.independent(example), torch.tensor([[2, 3], [1, 4]]), why)
    for array in _arrays(t):
        before = array.copy()
        t.equal(learner.independent(array), _tensor(array, DTYPES[array.dtype.type]), why)
        t.true(_alike(array, before), INTACT)
    t.equal(
        learner.independent(np.array([2**24 + 1])).item(),
        2**24 + 1,
        (
            "A detour by way of float32 rounds whole numbers.",
            "float32를 거치면 정수가 반올림됩니다.",
        ),
    )


def check_independent_copies(learner, t):
    """independent(a) and the array do not see each other's writes.

    independent(a)와 배열은 서로의 쓰기를 보지 못합니다.
    """
    for array in _arrays(t):
        kind = DTYPES[array.dtype.type]
        got, before = learner.independent(array), _tensor(array, kind)
        array[...] = 1 - array.astype(np.int64) % 2
        t.equal(
            got,
            before,
            (
                "A write to the array shows in the tensor: they share memory.",
                "배열에 쓴 값이 텐서에 나타납니다. 메모리를 공유하고 있습니다.",
            ),
        )
        written = array.copy()
        got.fill_(3)
        t.true(
            _alike(array, written),
            (
                "A write to the tensor shows in the array: they share memory.",
                "텐서에 쓴 값이 배열에 나타납니다. 메모리를 공유하고 있습니다.",
            ),
        )


def _arrays(t, positive_strides=False):
    """Return arrays of each dtype, also empty, transposed, sliced and, if allowed, reversed."""
    m, n = t.random.randint(2, 4), t.random.randint(5, 7)
    arrays = [_array(t, kind, m, n) for kind in DTYPES]
    table = _array(t, np.int64, m, n)
    arrays += [_array(t, np.int32, 0, 3), _array(t, np.float32, 2, 1, 3)]
    arrays += [_array(t, np.float32, m, n).T, _array(t, np.float64, m, n)[:, ::2]]
    return arrays if positive_strides else [*arrays, table[::-1], table.T[:, ::-1].copy()[::-1]]


def _array(t, kind, *shape):
    """Return random whole numbers from 0 to 100, which every dtype can hold."""
    count = int(np.prod(shape))
    numbers = [t.random.randint(0, 100) for _ in range(count)]
    return np.array(numbers).reshape(shape).astype(kind)


def _tensor(array, dtype):
    """Return the numbers of *array* by way of Python lists."""
    return torch.tensor(array.tolist(), dtype=dtype).reshape(array.shape)


def _alike(one, other):
    return one.dtype == other.dtype and one.shape == other.shape and one.tolist() == other.tolist()
