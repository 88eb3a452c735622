"""JSON to arrays: each type, each form, and everything that is refused."""

import base64
import json

import numpy as np
import pytest
import tensorflow as tf

from tfwsss.server.json_form import read_request
from tfwsss.server.refusal import Code, Refusal
from tfwsss.server.servable import Input, Signature


def signature(**inputs) -> Signature:
    return Signature("any", {name: Input(tf.as_dtype(kind), None) for name, kind in inputs.items()}, (), None)


def read(request: dict, **inputs) -> dict[str, np.ndarray]:
    return read_request(json.dumps(request).encode(), lambda name: signature(**inputs))[1]


def refusal(request: dict, **inputs) -> str:
    with pytest.raises(Refusal) as caught:
        read(request, **inputs)
    assert caught.value.code == Code.INVALID_ARGUMENT
    return caught.value.message


@pytest.mark.parametrize(("kind", "values"), [
    ("float32", [[1, 2.5], [-3e3, 0]]), ("float64", 7), ("int32", [1, -2]), ("int64", [2**62]), ("uint8", [0, 255]),
    ("bool", [[True], [False]]), ("float16", [0.5]), ("float32", []), ("int8", [[], []])])
def test_numbers(kind, values):
    array = read({"inputs": {"x": values}}, x=kind)["x"]
    assert array.dtype == kind and np.array_equal(array, np.array(values, kind))


@pytest.mark.parametrize(("kind", "values", "words"), [
    ("float32", True, "holds bool; expected float32"), ("int32", 1.0, "holds float; expected int32"),
    ("int32", [1, True], "holds bool"), ("bool", 1, "holds int; expected bool"), ("float32", "1", "holds str"),
    ("float32", None, "holds NoneType"), ("uint8", [256], "beyond uint8"), ("uint8", [-1], "beyond uint8"),
    ("int64", [2**63], "beyond int64"), ("float32", [1e39], "beyond float32"), ("float16", [70000], "beyond float16"),
    ("float32", [10**300], "beyond float32"), ("float32", [[1], [2, 3]], "differ in length"),
    ("float32", [1, [2]], "differ in length"), ("float32", [[], [1]], "differ in length"),
    ("string", 1, "holds int; expected string"), ("string", {"b64": "abc!"}, "base64 is broken"),
    ("string", {"b64": "abcde"}, "base64 is broken"), ("string", [{"b64": "aaaa", "c": 1}], "holds an object"),
    ("complex64", 1, "holds int")])
def test_what_does_not_fit(kind, values, words):
    assert words in refusal({"inputs": {"x": values}}, x=kind)


def test_infinity_is_a_number():
    body = b'{"inputs": {"x": [NaN, Infinity, -Infinity, 1]}}'
    array = read_request(body, lambda name: signature(x="float32"))[1]["x"]
    assert np.array_equal(array, np.float32([np.nan, np.inf, -np.inf, 1]), equal_nan=True)


def test_bytes():
    """Coded with and without its padding; plain text; trailing zeros stay."""
    values = [{"b64": "AAEC/w=="}, {"b64": "AAEC/w"}, "é", {"b64": ""}, {"b64": "AAA="}]
    array = read({"inputs": {"x": values}}, x="string")["x"]
    assert array.tolist() == [b"\0\1\2\xff", b"\0\1\2\xff", "é".encode(), b"", b"\0\0"]
    assert read({"inputs": {"x": {"b64": "QQ=="}}}, x="string")["x"].item() == b"A"


def test_rows_are_columns():
    rows = [{"a": 1, "b": [1, 2]}, {"a": 3, "b": [3, 4]}]
    by_rows = read({"instances": rows}, a="int32", b="float32")
    by_columns = read({"inputs": {"a": [1, 3], "b": [[1, 2], [3, 4]]}}, a="int32", b="float32")
    assert all(np.array_equal(by_rows[name], by_columns[name]) for name in ("a", "b"))
    assert read({"instances": [{"b64": "QQ=="}, "B"]}, x="string")["x"].tolist() == [b"A", b"B"]
    assert read({"inputs": [1, 2]}, x="int32")["x"].tolist() == [1, 2]
    assert read({"inputs": {"x": 1, "more": 2}}, x="int32")["x"].tolist() == 1      # as TensorFlow Serving has it


@pytest.mark.parametrize(("request_", "words"), [
    ({"instances": [{"a": 1}]}, "instance 0 has ['a']"), ({"instances": [{"a": 1, "b": 1}, 5]}, "instance 1 has int"),
    ({"instances": [{"a": 1, "b": 1, "c": 1}]}, "takes ['a', 'b']"), ({"instances": [1]}, "has no names"),
    ({"inputs": [1]}, "has no names"), ({"inputs": {"a": 1}}, "input 'b' is missing"), ({"instances": {}}, "no list"),
    ({"instances": [1, {"a": 1, "b": 1}]}, "mixes"), ({"inputs": {}, "instances": []}, "either"), ({}, "either"),
    ({"inputs": {}, "signature_name": 3}, "no string")])
def test_wrong_forms(request_, words):
    assert words in refusal(request_, a="int32", b="float32")


def test_base64_may_have_white_space():
    """As encoders break its lines, and as TensorFlow Serving takes it; other letters are refused."""
    contents = bytes(range(256)) * 3
    plain = base64.b64encode(contents).decode()
    lines = base64.encodebytes(contents).decode()
    for coded in (lines, lines.replace("\n", "\r\n"), f"\t {plain[:7]} {plain[7:]}\f\n", plain.rstrip("=") + "\n"):
        assert read({"inputs": {"x": {"b64": coded}}}, x="string")["x"].item() == contents
    for coded in (plain[:8] + "-" + plain[8:], plain + "\0", plain[:1] + "\n", plain[:9] + "\u00e9"):
        assert "its base64 is broken" in refusal({"inputs": {"x": {"b64": coded}}}, x="string")


@pytest.mark.parametrize("depth", [33, 70, 1000, 1_000_000])
def test_lists_in_lists_in_lists(depth):
    """No array has so many axes."""
    body = b'{"inputs": {"x": ' + b"[" * depth + b"1" + b"]" * depth + b"}}"
    with pytest.raises(Refusal, match="nested deeper than 32 levels|no JSON: .* at character") as caught:
        read_request(body, lambda name: signature(x="float32"))
    assert caught.value.code == Code.INVALID_ARGUMENT


def test_objects_of_very_many_names_are_told_in_short():
    row = {f"name {k}": 1 for k in range(10_000)}
    assert len(refusal({"instances": [row]}, a="int32", b="float32")) < 500
