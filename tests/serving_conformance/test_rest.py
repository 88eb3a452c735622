"""The REST interface: documented forms, and the status of everything that is wrong."""

import base64
import http.client
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.serving_conformance.target import coded
from tests.support.local_server import photo

ROWS, COLUMNS = 40, 56


def error(answer: tuple[int, dict], *statuses: int) -> str:
    """Asserts one of these statuses and the documented form; returns the message."""
    status, body = answer
    assert status in statuses, answer
    assert list(body) == ["error"] and isinstance(body["error"], str) and body["error"]
    return body["error"]


def mask_of(body: dict) -> np.ndarray:
    """The mask in an answer in column form."""
    outputs = body["outputs"]
    coded_mask = outputs if "b64" in outputs else outputs["mask_bytes"]
    coded_mask = coded_mask if isinstance(coded_mask, dict) else coded_mask[0]
    assert set(coded_mask) == {"b64"}
    return np.array(Image.open(io.BytesIO(base64.b64decode(coded_mask["b64"], validate=True))))


def test_status(target):
    status, body = target.get(target.path)
    assert status == 200 and set(body) == {"model_version_status"}
    entry = next(entry for entry in body["model_version_status"] if entry["state"] == "AVAILABLE")
    assert entry["version"].isdecimal() and entry["status"] == {"error_code": "OK", "error_message": ""}
    one = target.get(f"{target.path}/versions/{entry['version']}")
    assert one == (200, {"model_version_status": [entry]})


def test_metadata(target):
    for path in (target.path, f"{target.path}/versions/{target.version()}"):
        status, body = target.get(f"{path}/metadata")
        assert status == 200
        assert body["model_spec"] == {"name": target.model, "signature_name": "", "version": str(target.version())}
        definitions = body["metadata"]["signature_def"]["signature_def"]
        assert set(definitions) == set(target.signatures)
        name, _ = target.image_input()
        described = definitions["serving_default"]
        assert described["inputs"][name]["dtype"] == "DT_STRING"
        assert described["outputs"]["mask_bytes"]["dtype"] == "DT_STRING"
        assert described["method_name"] == "tensorflow/serving/predict"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_columns(target, kind):
    """The input under its name and without it, the default signature by name and not, latest version and number."""
    name, _ = target.image_input()
    value = target.wrapped(coded(photo(kind, ROWS, COLUMNS)))
    bodies = [{"inputs": {name: value}}, {"inputs": value}, {"inputs": value, "signature_name": "serving_default"}]
    answers = [target.post(body) for body in bodies]
    answers.append(target.post(bodies[0], f"{target.path}/versions/{target.version()}"))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 200 and mask_of(answers[0][1]).shape[:2] == (ROWS, COLUMNS)


def test_without_a_json_header(target):
    """What curl sends by default."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert target.post({"inputs": target.wrapped(coded(photo()))}, headers=headers)[0] == 200


def test_a_row(target):
    """One image in row form, with its name and without: the same as in column form."""
    name, rank = target.image_input()
    if rank != 1:
        pytest.skip("the input has no axis for rows")
    one = coded(photo("PNG", ROWS, COLUMNS))
    status, body = target.post({"instances": [one]})
    assert status == 200 and len(body["predictions"]) == 1
    assert target.post({"instances": [{name: one}]}) == (200, body)
    columns = target.post({"inputs": [one]})[1]["outputs"]
    assert body["predictions"][0] == {key: value[0] for key, value in columns.items()}


def test_rows(target):
    if "batch" not in target.signatures or {*target.signatures["batch"].inputs} != {target.image_input()[0]}:
        pytest.skip("the model has no signature 'batch' of coded images")
    name, _ = target.image_input("batch")
    two = [coded(photo("PNG", ROWS, COLUMNS)), coded(photo("JPEG", ROWS, COLUMNS))]
    status, body = target.post({"signature_name": "batch", "instances": two})
    assert status == 200 and len(body["predictions"]) == 2
    assert target.post({"signature_name": "batch", "instances": [{name: one} for one in two]}) == (200, body)
    status, columns = target.post({"signature_name": "batch", "inputs": two})
    assert status == 200
    if isinstance(columns["outputs"], dict):
        assert [row["mask_bytes"] for row in body["predictions"]] == columns["outputs"]["mask_bytes"]


def torn(kind: str) -> bytes:
    contents = photo(kind, ROWS, COLUMNS)
    return contents[: len(contents) // 2]


@pytest.mark.parametrize("contents", [b"", b"no image", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", torn("JPEG"),
                                      torn("PNG"), bytes(range(256))],
                         ids=["empty", "text", "jpeg start", "png start", "torn jpeg", "torn png", "bytes"])
def test_invalid_image(target, contents):
    error(target.post({"inputs": target.wrapped(coded(contents))}), 400)


def test_truncated_base64(target):
    whole = base64.b64encode(photo("PNG", ROWS, COLUMNS)).decode()
    for cut in range(1, 6):
        error(target.post({"inputs": target.wrapped({"b64": whole[:-cut - 40]})}), 400)
    error(target.post({"inputs": target.wrapped({"b64": "§" + whole[1:]})}), 400)


@pytest.mark.parametrize("value", [1, 1.5, True, None, {"b64": 5}, {"b65": "aaaa"}, {"b64": "aaaa", "more": 1}, {}])
def test_wrong_type(target, value):
    name, _ = target.image_input()
    error(target.post({"inputs": {name: target.wrapped(value)}}), 400)


def test_wrong_type_of_a_number(target):
    found = target.number_input()
    if found is None:
        pytest.skip("the model takes no numbers")
    signature, name = found
    others = {other: target.wrapped(coded(photo()), signature) for other, info
              in target.signatures[signature].inputs.items() if info.dtype == tf.string.as_datatype_enum}
    for value in ("one", [["one"]], [[None]], [[{"b64": "aaaa"}]], [[1, "two"]], [[1], [2, 3]]):
        error(target.post({"signature_name": signature, "inputs": others | {name: value}}), 400)


def test_nan(target):
    """Accepted or refused, never a fault of the server, and never NaN in an answer (`call` refuses it)."""
    found = target.number_input()
    if found is None:
        pytest.skip("the model takes no numbers")
    signature, name = found
    sizes = [max(dim.size, 1) for dim in target.signatures[signature].inputs[name].tensor_shape.dim]
    others = {other: target.wrapped(coded(photo()), signature) for other, info
              in target.signatures[signature].inputs.items() if info.dtype == tf.string.as_datatype_enum}
    for value in (float("nan"), float("inf"), -float("inf")):
        filled = np.full(sizes, value).tolist()
        status, _ = target.post({"signature_name": signature, "inputs": others | {name: filled}})
        assert status in (200, 400)


def test_wrong_rank(target):
    name, _ = target.image_input()
    value = target.wrapped(coded(photo()))
    error(target.post({"inputs": {name: [[value]]}}), 400)
    error(target.post({"instances": [[[value]]]}), 400)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"null", b'"text"', b"instances=1", b"\xff\xfe\x00",
                                  b"[" * 1_000_000, b'{"inputs": ' + b"[" * 100_000, b"9" * 100_000],
                         ids=lambda body: f"{body[:10]} {len(body)}")
def test_no_request(target, body):
    error(target.post(body), 400)


def test_missing_key(target):
    name, _ = target.image_input()
    value = target.wrapped(coded(photo()))
    for body in ({}, {"signature_name": "serving_default"}, {"inputs": {"other": value}}, {"instances": []},
                 {"instances": {name: value}}, {"instances": [{"other": value}]}, {"inputs": {}},
                 {"inputs": value, "instances": [value]}):
        error(target.post(body), 400)


def test_unknown_things(target):
    body = {"inputs": target.wrapped(coded(photo()))}
    error(target.post(body, "/v1/models/no-such-model"), 404)
    error(target.post(body, f"{target.path}/versions/987654321"), 404)
    error(target.post(body, f"{target.path}/labels/no-such-label"), 400)
    error(target.post(body | {"signature_name": "no-such-signature"}), 400)
    error(target.post(body | {"signature_name": 7}), 400)
    error(target.get("/v1/models/no-such-model"), 404)
    error(target.get("/v1/models/no-such-model/metadata"), 404)
    error(target.get(f"{target.path}/versions/987654321"), 404)


@pytest.mark.parametrize("path", ["/v1/models/{}/versions/one", "/v1/models/{}/version/1", "/v1/model/{}",
                                  "/v1/models/", "/v1/models/{}/versions/99999999999999999999",
                                  "/v1/models/{}:predict"])
def test_malformed_paths(target, path):
    error(target.get(path.format(target.model)), 400)


def test_large_body(target):
    """50 MB: refused for its size, or for being no image; the server lives."""
    body = b'{"inputs": "' + b"A" * 50_000_000 + b'"}'
    try:
        error(target.post(body), 400, 413)
    except (ConnectionError, http.client.HTTPException) as fault:      # closed before all was sent: a refusal too
        assert isinstance(fault, ConnectionError | http.client.RemoteDisconnected)
    assert target.post({"inputs": target.wrapped(coded(photo()))})[0] == 200
