"""Arrays to JSON: each type, each form, everything that JSON cannot hold, and pieces of long ones."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tfwsss.server import json_answer
from tfwsss.server.json_answer import write_answer
from tfwsss.server.refusal import Code, Refusal


def written(rows: bool, **outputs) -> dict:
    return json.loads(write_answer({name: tf.constant(value) for name, value in outputs.items()}, rows))


def test_answers():
    assert written(False, y=[[1, 2]]) == {"outputs": [[1, 2]]}
    assert written(False, y=1.5, mask_bytes=b"\0\xff") == {"outputs": {"y": 1.5, "mask_bytes": {"b64": "AP8="}}}
    assert written(True, y=[1, 2], name=["é", "b"]) == {"predictions": [{"y": 1, "name": "é"}, {"y": 2, "name": "b"}]}
    assert written(True, y=[[True], [False]]) == {"predictions": [[True], [False]]}
    assert written(True, x_bytes=[b"A", b"B"]) == {"predictions": [{"b64": "QQ=="}, {"b64": "Qg=="}]}
    assert written(False, x_bytes=[[b"A"], [b"B"]]) == {"outputs": [[{"b64": "QQ=="}], [{"b64": "Qg=="}]]}


@pytest.mark.parametrize(("rows", "outputs", "code"), [
    (False, {"y": [1.0, np.nan]}, Code.OUT_OF_RANGE), (False, {"y": np.inf}, Code.OUT_OF_RANGE),
    (True, {"y": 1.0}, Code.INVALID_ARGUMENT), (True, {"y": [1], "z": [1, 2]}, Code.INVALID_ARGUMENT),
    (False, {"text": b"\xff"}, Code.FAILED_PRECONDITION)])
def test_answers_that_json_cannot_hold(rows, outputs, code):
    with pytest.raises(Refusal) as caught:
        written(rows, **outputs)
    assert caught.value.code == code


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16", "int8", "uint8", "int16", "int32",
                                   "int64", "uint64", "bool"])
def test_types(dtype):
    """What comes back is the same to the last bit, also alone and empty."""
    for values in ([[0, 1], [1, 0]], 1, [], [[]]):
        x = tf.cast(tf.constant(values, tf.float32) * 0.1 if "float" in dtype else values, dtype)
        found = json.loads(write_answer({"y": x}, rows=False))["outputs"]
        assert np.array_equal(np.array(found, x.dtype.as_numpy_dtype).reshape(x.shape), x.numpy())
    assert json.loads(write_answer({"y": tf.constant([[2**63, 1]], tf.uint64)}, False)) == {"outputs": [[2**63, 1]]}


def test_numbers_of_float32_are_no_longer_than_they_need_be():
    assert write_answer({"y": tf.constant(0.1)}, rows=False) == b'{"outputs":0.1}'
    values = np.random.default_rng(0).normal(size=1000).astype("float32")
    assert np.array_equal(np.float32(json.loads(write_answer({"y": tf.constant(values)}, False))["outputs"]), values)


@pytest.mark.parametrize("shape", [(7,), (8,), (23,), (2, 3), (1, 5, 4), (3, 1, 9), (30, 1), (1, 1, 1, 30), (0, 9),
                                   (9, 0)])
@pytest.mark.parametrize("rows", [True, False])
def test_pieces_make_the_same_text(monkeypatch, shape, rows):
    """Whatever the shape; texts as well as numbers."""
    x = np.arange(np.prod(shape)).reshape(shape)
    outputs = {"x": tf.constant(x), "t": tf.strings.as_string(x)}
    whole = [write_answer(part, rows) for part in (outputs, {"x": outputs["x"]}, {"t": outputs["t"]})]
    monkeypatch.setattr(json_answer, "PIECE", 4)
    assert whole == [write_answer(part, rows) for part in (outputs, {"x": outputs["x"]}, {"t": outputs["t"]})]
    assert json.loads(whole[1]) == {"predictions" if rows else "outputs": x.tolist()}


def test_no_piece_is_long(monkeypatch):
    """Between pieces others work; the writer holds Python's lock while it writes one."""
    sizes = []
    dumped = json_answer._dumped
    monkeypatch.setattr(json_answer, "_dumped", lambda name, array: sizes.append(array.size) or dumped(name, array))
    for shape in ((1, 700, 500, 3), (1_000_000,), (3, 40_000), (30_000, 2, 2)):
        sizes.clear()
        write_answer({"y": tf.zeros(shape, tf.uint8)}, rows=False)
        assert sum(sizes) == np.prod(shape) and max(sizes) <= json_answer.PIECE


def test_very_many_numbers_are_refused_with_the_way_out():
    """Before any is written."""
    large = tf.broadcast_to(tf.constant(1, tf.uint8), (2, 2000, 2001))
    words = "8,004,000 numbers, more than 8,000,000; .*mask_bytes, or ask by gRPC"
    for rows in (True, False):
        with pytest.raises(Refusal, match=words) as caught:
            write_answer({"y": large}, rows)
        assert caught.value.code == Code.INVALID_ARGUMENT
    with pytest.raises(Refusal, match="is complex, which JSON cannot say"):
        write_answer({"y": tf.constant(1j)}, rows=False)
