import struct

import numpy as np
import pytest

from tests.weights.make_torch_files import RECORDED
from tfwsss.errors import UserError
from tfwsss.weights.formats.caffe import batch_norm_statistics, read_caffemodel


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes) -> bytes:
    """Returns one field: a number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(numbers, shape=None) -> bytes:
    packed = b"" if shape is None else field(7, field(1, b"".join(map(varint, shape))))
    return packed + field(5, np.asarray(numbers, "<f4").tobytes())


def layer(*blobs: bytes, name=b"conv1", kind=b"Convolution") -> bytes:
    return field(100, field(1, name) + field(2, kind) + b"".join(field(7, data) for data in blobs))


@pytest.fixture
def read(tmp_path):
    def reader(data: bytes):
        (tmp_path / "x.caffemodel").write_bytes(data)
        return read_caffemodel(tmp_path / "x.caffemodel")
    return reader


@pytest.mark.parametrize("form", ["v1", "v2"])
def test_recorded_files_are_read_exactly(form):
    arrays = read_caffemodel(RECORDED / f"caffe_{form}.caffemodel")
    with np.load(RECORDED / "caffe_expected.npz") as expected:
        assert list(arrays) == [name[3:] for name in expected.files if name.startswith(form)]
        for name, array in arrays.items():
            want = expected[f"{form}/{name}"]
            assert array.shape == want.shape and np.array_equal(array.astype(np.float32), want), name


def test_batch_norm_and_scale_give_the_recorded_output():
    arrays = read_caffemodel(RECORDED / "caffe_v2.caffemodel")
    mean, variance = batch_norm_statistics(*(arrays[f"bn_conv1/{index}"] for index in range(3)))
    with np.load(RECORDED / "caffe_expected.npz") as expected:
        x, kernel = np.pad(expected["x"][0], ((0, 0), (2, 2), (2, 2))), arrays["conv1/0"]  # dilation and padding 2
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), (1, 2))[..., ::2, ::2]
        y = np.einsum("oikl,iyxkl->oyx", kernel, windows)
        y = (y - mean[:, None, None]) / np.sqrt(variance[:, None, None] + 1e-5)
        y = y * arrays["scale_conv1/0"][:, None, None] + arrays["scale_conv1/1"][:, None, None]
        np.testing.assert_allclose(y, expected["conv_bn_scale_out"][0], atol=1e-5)


def test_an_unused_factor_gives_zeros():
    mean, variance = batch_norm_statistics(np.ones(3, np.float32), np.ones(3, np.float32), np.zeros(1, np.float32))
    assert not mean.any() and not variance.any()


def test_numbers_and_shapes_may_come_one_by_one(read):
    single = field(7, field(1, 2) + field(1, 3)) + b"".join(varint(5 << 3 | 5) + struct.pack("<f", i) for i in range(6))
    assert read(layer(single))["conv1/0"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_old_shapes_lose_their_leading_ones(read):
    def old(*sides):
        return b"".join(field(i + 1, side) for i, side in enumerate(sides)) + blob(np.arange(np.prod(sides)))
    v1 = field(2, field(4, b"fc") + field(5, 14) + field(6, old(1, 1, 2, 3)) + field(6, old(1, 1, 1, 2)))
    v1 += field(2, field(4, b"conv") + field(5, 4) + field(6, old(1, 1, 3, 3)) + field(6, old(1, 1, 1, 1)))
    assert {name: array.shape for name, array in read(v1).items()} == {
        "fc/0": (2, 3), "fc/1": (2,), "conv/0": (1, 1, 3, 3), "conv/1": (1,)}


def test_unknown_fields_and_layers_without_weights_are_skipped(read):
    data = field(1, b"net") + field(5, 1) + layer(name=b"relu", kind=b"ReLU") + varint(900 << 3 | 1) + bytes(8)
    assert list(read(data + layer(blob([1.0], [1])))) == ["conv1/0"]


@pytest.mark.parametrize(("data", "message"), [
    (layer(blob([1.0, 2.0], [10**6, 10**6])), "conv1/0: claims 1000000x1000000 float32, where its data has 8 bytes"),
    (layer(blob([1.0], [2**63])), "conv1/0: claims"),
    (layer(blob([1.0], [1] * 33)), "conv1/0: claims"),
    (layer(blob([1.0])), "conv1/0: claims 0x0x0x0"),
    (layer(field(5, b"abc") + field(7, field(1, b"\x01"))), "conv1/0: claims 1 float32, where its data has 3 bytes"),
    (layer(blob([1.0], [1]) + field(8, bytes(8))), "conv1/0: holds both"),
    (layer(blob([1.0], [1])) * 2, "conv1/0: is stored twice"),
    (layer(blob([1.0], [1]))[:-3], "network: field 100 claims"),
    (field(100, field(1, b"c") + varint(7 << 3 | 2) + varint(10**12)), "layer: field 7 claims 1,000,000,000,000 bytes"),
    (layer(blob([1.0], [1]), name=b"\xff"), "name or type is not text"),
    (varint(100 << 3 | 3), "wire type 3"),
    (b"\xff" * 20, "ends in the middle of a number"),
    (field(1, b"only a name"), "holds no layer with weights"),
])
def test_false_claims_are_refused(read, data, message):
    with pytest.raises(UserError, match=f"x.caffemodel: .*{message}"):
        read(data)


@pytest.mark.parametrize("form", ["v1", "v2"])
def test_truncated_files_are_refused(read, form):
    data = (RECORDED / f"caffe_{form}.caffemodel").read_bytes()
    whole = list(read(data))
    for length in range(1, len(data)):
        try:
            arrays = read(data[:length])
        except UserError as error:
            assert "x.caffemodel: " in str(error)
        else:  # cut between two layers: the format has no end mark; the accounting of `assign` finds what is missing
            assert list(arrays) == whole[:len(arrays)]
