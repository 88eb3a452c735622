"""Requests made to stop or kill a server: each is answered, others are answered meanwhile, memory comes back."""

import base64
import http.client
import json
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator

import grpc
import numpy as np
import pytest
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import predict_pb2

from tests.data.files import encoded
from tests.serving_conformance.target import coded, plain
from tests.support.local_server import photo
from tests.support.patience import PATIENCE, until

WAIT = 30.0            # seconds that health may take on a machine with much else to do; alone it is a thirtieth
GROWTH = 64            # MiB
TEXT, FLOAT, INT = 7, 1, 3

WATCH = """
import http.client, sys, time
while True:
    start = time.perf_counter()
    connection = http.client.HTTPConnection(sys.argv[1], timeout=float(sys.argv[2]))
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    connection.close()
    print(f"{time.perf_counter() - start:.4f} {status}", flush=True)
    time.sleep(0.02)
"""


def png_of(rows: int, columns: int) -> bytes:
    return encoded(np.zeros((rows, columns), np.uint8))


def chunks(*bodies: bytes) -> bytes:
    """A small PNG with text chunks before its pixels."""
    made = b"".join(struct.pack(">I", len(body)) + b"tEXt" + body + struct.pack(">I", zlib.crc32(b"tEXt" + body))
                    for body in bodies)
    return photo()[:33] + made + photo()[33:]


def segments(before: bytes) -> bytes:
    """A small JPEG with bytes before its first segment."""
    return photo("JPEG")[:2] + before + photo("JPEG")[2:]


def exif(count: int) -> bytes:
    body = b"MM\0*" + struct.pack(">IH", 8, count) + b"\1\0\0\3\0\0\0\1\0\1\0\0" * count
    return photo()[:33] + struct.pack(">I", len(body)) + b"eXIf" + body + \
        struct.pack(">I", zlib.crc32(b"eXIf" + body)) + photo()[33:]


def bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([packer.compress(b"[" * 10_000_000) for _ in range(50)]) + packer.flush()


IMAGES: dict[str, Callable[[], bytes]] = {
    "a strip of 45,000 rows": lambda: png_of(45_000, 1), "a strip of 65,535 columns": lambda: png_of(1, 65_535),
    "a strip that is just allowed": lambda: png_of(32_768, 1), "bytes that fill up": lambda: segments(b"\xff" * 20_000),
    "many bytes that fill up": lambda: segments(b"\xff" * 10_000_000),
    "20,000 comments": lambda: segments(b"\xff\xfe\0\2" * 20_000), "20,000 chunks": lambda: chunks(*[b"a\0b"] * 20_000),
    "20,000 different chunks": lambda: chunks(*(b"a\0" + b"b" * (k % 7) for k in range(20_000))),
    "65,535 EXIF entries": lambda: exif(65_535)}
BODIES: dict[str, tuple[Callable[[], bytes], dict]] = {
    "31 MB of lists": (lambda: b'{"inputs": [' + b"[]," * 10_000_000 + b"1]}", {}),
    "as many lists as may be": (lambda: b'{"inputs": [' + b"[]," * 990_000 + b"1]}", {}),
    "as many numbers as may be": (lambda: b'{"inputs": [' + b"1.25," * 1_990_000 + b"1]}", {}),
    "as many NaN": (lambda: b'{"inputs": [' + b"NaN," * 1_990_000 + b"1]}", {}),
    "as many names": (lambda: b'{"inputs": {' + b",".join(b'"%d":1' % k for k in range(990_000)) + b"}}", {}),
    "as many rows": (lambda: b'{"instances": [' + b'{"a":1},' * 660_000 + b"1]}", {}),
    "70 levels": (lambda: b'{"inputs": ' + b"[" * 70 + b"1" + b"]" * 70 + b"}", {}),
    "a long text": (lambda: b'{"inputs": ["' + b"A" * 30_000_000 + b'"]}', {}),
    "coded bytes": (lambda: json.dumps({"inputs": [coded(bytes(20_000_000))]}).encode(), {}),
    "what unpacks to 500 MB": (bomb, {"Content-Encoding": "gzip"})}


@pytest.fixture(scope="module")
def health(target, tmp_path_factory) -> Iterator[Callable[[], list[float]]]:
    """Asks for health all the time, in a process of its own; a function to the seconds of each answer so far."""
    if target.get("/healthz")[0] != 200:
        pytest.skip("the server does not tell its health")
    log = tmp_path_factory.mktemp("health") / "log"
    process = subprocess.Popen([sys.executable, "-S", "-c", WATCH, target.rest, str(PATIENCE)], stdout=log.open("w"))

    def seen() -> list[float]:
        lines = [line.split() for line in log.read_text().splitlines()[:-1]]
        assert {status for _, status in lines} <= {"200"}
        return [float(seconds) for seconds, _ in lines]

    try:
        until(lambda: len(log.read_text().splitlines()) > 5)
        yield seen
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def watched(target, health) -> Iterator[None]:
    """Prints the longest that health took during a test, and asserts that it came; the server answers afterwards."""
    before = len(health())
    yield
    time.sleep(0.1)
    count = before + 1
    until(lambda: len(health()) > count)                  # the one during which the test ended is there
    longest = max(health()[before:])
    print(f"healthz: at most {longest:.2f} s")
    assert longest < WAIT
    assert target.post({"inputs": target.wrapped(coded(photo()))})[0] == 200


@pytest.mark.parametrize("kind", IMAGES)
def test_images(target, watched, kind):
    """An answer or a refusal with a cure, by both interfaces."""
    contents = IMAGES[kind]()
    status, body = target.post({"inputs": target.wrapped(coded(contents))})
    assert status in (200, 400) and plain(body)
    assert predict(target, image_bytes=text_of(contents)) in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)


@pytest.mark.parametrize("kind", BODIES)
def test_bodies(target, watched, kind):
    body, headers = BODIES[kind]
    status, answer = target.post(body(), headers=headers)
    assert status in (400, 413) and plain(answer)
    if "lists" in kind and status == 400 and "MB" in kind:
        assert "image_bytes" in answer["error"] and "gRPC" in answer["error"]


def text_of(*texts: bytes, size: int | None = None) -> TensorProto:
    message = TensorProto(dtype=TEXT, string_val=texts)
    message.tensor_shape.dim.add(size=len(texts) if size is None else size)
    return message


def predict(target, name: str = "", signature: str = "", filtered=(), **inputs: TensorProto) -> grpc.StatusCode:
    """The code that a request ends with; what is said is short."""
    request = predict_pb2.PredictRequest(output_filter=filtered)
    request.model_spec.name, request.model_spec.signature_name = name or target.model, signature
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(value)
    try:
        target.predictions.Predict(request, PATIENCE)
    except grpc.RpcError as error:
        assert len(error.details().encode()) <= 1000 and plain({"error": error.details()})
        return error.code()
    return grpc.StatusCode.OK


def numbers(dtype: int, size: int, **values) -> TensorProto:
    message = TensorProto(dtype=dtype, **values)
    message.tensor_shape.dim.add(size=size)
    return message


MESSAGES = {
    "a text that repeats": lambda: {"image_bytes": text_of(bytes(100_000), size=10_000)},
    "a text that repeats very often": lambda: {"image_bytes": text_of(bytes(100_000), size=4_000_000)},
    "empty texts": lambda: {"image_bytes": text_of(*[b""] * 3_000_000)},
    "an empty text that repeats": lambda: {"image_bytes": text_of(b"", size=1_000_000)},
    "numbers one by one": lambda: {"image_bytes": numbers(INT, 9_000_000, int_val=np.ones(9_000_000, int))},
    "a number that repeats": lambda: {"image_bytes": numbers(FLOAT, 2**40, float_val=[1.0])},
    "axes": lambda: {"image_bytes": axes(300_000)},
    "inputs": lambda: dict.fromkeys(map(str, range(300_000)), text_of(b"")),
    "names of outputs": lambda: {"filtered": ["mask_bytes"] * 2_000_000, "image_bytes": text_of(photo())},
    "a name of an output": lambda: {"filtered": ["\u00e9" * 5_000_000], "image_bytes": text_of(photo())},
    "a name of a model": lambda: {"name": "\u00e9" * 5_000_000, "image_bytes": text_of(photo())},
    "a name of a signature": lambda: {"signature": "\u00e9" * 5_000_000, "image_bytes": text_of(photo())},
    "a name of an input": lambda: {"\u00e9" * 5_000_000: text_of(photo())}}


def axes(count: int) -> TensorProto:
    message = TensorProto(dtype=FLOAT, float_val=[1.0])
    message.tensor_shape.dim.extend([message.tensor_shape.Dim(size=1)] * count)
    return message


@pytest.mark.parametrize("kind", MESSAGES)
def test_messages(target, watched, kind):
    """Refused with the reason's own code, never a fault of the transport's."""
    assert predict(target, **MESSAGES[kind]()) in (
        grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)


def test_scores_of_a_large_image(target, watched):
    """Millions of numbers in JSON, or the way out."""
    if "scores" not in target.signatures:
        pytest.skip("the model gives no scores")
    for rows, columns in ((1000, 750), (3000, 2000)):
        body = {"signature_name": "scores", "inputs": target.wrapped(coded(photo("PNG", rows, columns)), "scores")}
        status, answer = target.post(body)
        assert status == 200 or (status == 400 and "mask_bytes" in answer["error"] and "gRPC" in answer["error"])


def test_clients_that_leave(target, watched):
    """A hundred of them, whose requests are long; who stays is answered."""
    body = json.dumps({"inputs": target.wrapped(coded(png_of(3000, 2000)))})
    connections = [http.client.HTTPConnection(target.rest, timeout=PATIENCE) for _ in range(102)]
    for connection in connections:
        connection.request("POST", f"{target.path}:predict", body)
    for connection in connections:
        connection.close()


def test_base64_with_line_breaks(target):
    contents = encoded(np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8))
    lines = base64.encodebytes(contents).decode().replace("\n", "\r\n")
    assert "\r\n" in lines.strip()
    found = target.post({"inputs": target.wrapped({"b64": f" {lines}\t"})})
    assert found[0] == 200 and found == target.post({"inputs": target.wrapped(coded(contents))})


def test_memory_comes_back(target):
    """Of the largest of all kinds, each sent several times."""
    if target.memory is None:
        pytest.skip("the memory of another's server is not known")

    def ask() -> None:
        for kind in ("31 MB of lists", "as many numbers as may be", "as many rows", "coded bytes"):
            target.post(BODIES[kind][0](), headers=BODIES[kind][1])
        for kind in ("a text that repeats", "empty texts", "numbers one by one", "a name of a model"):
            predict(target, **MESSAGES[kind]())
        for kind in ("a strip that is just allowed", "many bytes that fill up"):
            target.post({"inputs": target.wrapped(coded(IMAGES[kind]()))})

    ask()                                                 # what a server keeps from its first requests
    settled = target.memory()
    for _ in range(3):
        ask()
    until(lambda: target.memory() < settled + GROWTH)     # free pages go back when nothing runs
    print(f"memory: {settled:.0f} MiB before, {target.memory():.0f} MiB after")
