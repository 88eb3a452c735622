import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from tfwsss.errors import UserError
from tfwsss.weights.formats.source import Source
from tfwsss.weights.formats.torch_tensors import Storage, Tensor, interpret, view, width

SOURCE = Source(Path("x.pth"), memoryview(b""))


def test_interpret_gives_containers_and_names_what_was_near():
    value = {"a": [1, 2.5, None, True, "b", (1,)]}
    assert interpret(SOURCE, io.BytesIO(pickle.dumps(value, 2)), "data.pkl") == value
    with pytest.raises(UserError, match=r"x.pth: data.pkl near 'last': .*complex.*code"):
        interpret(SOURCE, io.BytesIO(pickle.dumps({"last": 1j}, 2)), "data.pkl")


def test_views_equal_numpy_strides():
    numbers = np.arange(24, dtype="<f4")
    oracle = np.lib.stride_tricks.as_strided(numbers[3:], (2, 3, 2), (4, 8, 40))
    tensor = Tensor(Storage("f4", "0", 24), "f4", 3, (2, 3, 2), (1, 2, 10))
    assert np.array_equal(view(SOURCE, "w", tensor, memoryview(numbers.tobytes()), "<", {}), oracle)


def test_bfloat16_is_the_upper_half_of_float32():
    numbers = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    upper = (numbers.view(np.uint32) >> 16).astype("<u2")
    tensor = Tensor(Storage("bfloat16", "0", 15), "bfloat16", 0, (5, 3), (1, 5))  # transposed
    got = view(SOURCE, "w", tensor, memoryview(upper.tobytes()), "<", {})
    assert got.dtype == np.float32
    assert np.array_equal(got.view(np.uint32), (numbers.view(np.uint32) & 0xFFFF0000).T)
    assert width(tensor.storage) == 2


@pytest.mark.parametrize("order", "<>")
def test_views_of_one_bfloat16_storage_share_one_copy(order):
    upper = np.arange(16128, 16128 + 24).astype(order + "u2")
    data, made = memoryview(upper.tobytes()), {}
    storages = Storage("bfloat16", "0", 24), Storage("u1", "0", 48), Storage("bfloat16", "0", 10, first=4)
    found = [view(SOURCE, "w", Tensor(storage, "bfloat16", first, (2, 3), (4, 1)), data, order, made)
             for storage, first in ((storages[0], 0), (storages[0], 5), (storages[1], 7), (storages[2], 2))]
    wanted = (upper.astype(np.uint32) << 16).view(np.float32)
    for array, first in zip(found, (0, 5, 7, 6), strict=True):
        assert np.array_equal(array, np.stack([wanted[first:first + 3], wanted[first + 4:first + 7]]))
        assert not array.flags.writeable
    assert np.shares_memory(found[0], found[1]) and len(made) == 2


@pytest.mark.parametrize("shape", [(0, 2**60), (2**59, 0, 4), (2**30, 2**30, 2**30)])
def test_impossible_shapes_are_refused(shape):
    with pytest.raises(UserError, match="x.pth: w: claims"):
        view(SOURCE, "w", Tensor(Storage("f4", "0", 1), "f4", 0, shape, (0,) * len(shape)), memoryview(bytes(4)), "<",
             {})
