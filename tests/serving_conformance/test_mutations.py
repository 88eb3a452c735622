"""Random damage to good requests: an answer with a documented status every time, a living server, flat memory."""

import http.client
import json
import random

import grpc
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework.tensor_pb2 import TensorProto

from tests.serving_conformance.target import coded, plain
from tests.support.local_server import call, photo
from tests.support.patience import PATIENCE

SHORT, LONG = 600, 10_000
MAY_BE = {200, 400, 404, 413}
MAY_BE_GRPC = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION,
               grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE}
TOKENS = (b"NaN", b"1e999", b"[", b"]", b"{}", b"null", b'"', b",")
GROWTH = 64            # MiB, for threads' own pools of memory; a leak of one small image a request would be more


def mutated(contents: bytes, rng: random.Random) -> bytes:
    """Bytes with a few of them changed, cut out, repeated or put in."""
    data = bytearray(contents)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place, length = rng.randrange(len(data) + 1), rng.choice((1, 1, 4, 50))
        kind = rng.randrange(4)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[place: place + length]
        elif kind == 2:
            data[place:place] = data[place: place + length]
        else:
            data[place:place] = rng.choice((rng.randbytes(length), *TOKENS))
    return bytes(data)


def ask_rest(target, rng: random.Random, connection: http.client.HTTPConnection) -> int:
    """Sends a damaged image in a whole request, or a damaged request; returns the status."""
    name, _ = target.image_input()
    contents = photo(rng.choice(("JPEG", "PNG")), rng.randrange(1, 40), rng.randrange(2, 40))
    path = target.path + ":predict"
    if rng.random() < 0.5:
        body = json.dumps({"inputs": {name: target.wrapped(coded(mutated(contents, rng)))}}).encode()
    else:
        signature = rng.choice(sorted(target.signatures))
        whole = {"signature_name": signature, "inputs": {name: target.wrapped(coded(contents))}}
        body = mutated(json.dumps(whole).encode(), rng)
    status, answer = call(target.rest, "POST", path, body, connection=connection)
    assert plain(answer), answer
    return status


def ask_grpc(target, rng: random.Random) -> grpc.StatusCode:
    """The same by gRPC: what is damaged is the image, or the message of the array."""
    name, _ = target.image_input()
    contents = photo(rng.choice(("JPEG", "PNG")), rng.randrange(1, 40), rng.randrange(2, 40))
    message = tf.make_tensor_proto(target.wrapped(mutated(contents, rng)))
    if rng.random() < 0.5:
        try:
            message = TensorProto.FromString(mutated(message.SerializeToString(), rng))
        except DecodeError:                           # such a message cannot be sent
            pass
    try:
        target.predict({name: message})
    except grpc.RpcError as error:
        assert plain({"error": error.details()}), error
        return error.code()
    return grpc.StatusCode.OK


def ask_many(target, count: int, seed: int) -> None:
    rng = random.Random(seed)
    connection = http.client.HTTPConnection(target.rest, timeout=PATIENCE)
    for _ in range(count // 2):
        assert ask_rest(target, rng, connection) in MAY_BE
        assert ask_grpc(target, rng) in MAY_BE_GRPC | {grpc.StatusCode.OK}
    connection.close()


@pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=pytest.mark.slow)])
def test_mutations(target, count):
    ask_many(target, count // 10, seed=1)                        # what a server keeps from its first requests
    before = target.memory() if target.memory else 0
    ask_many(target, count, seed=2)
    assert target.post({"inputs": target.wrapped(coded(photo()))})[0] == 200
    if target.memory:
        assert target.memory() - before < GROWTH, f"{before:.0f} MiB before, {target.memory():.0f} MiB after {count}"


def test_large_refusals_leave_nothing(target):
    """What a refused request held is free again at once, not when a collector comes."""
    if not target.memory:
        pytest.skip("the memory of another's server is not known")
    large = b"A" * 20_000_000

    def ask(times: int) -> float:
        for _ in range(times):
            assert target.post({"inputs": target.wrapped(large.decode())})[0] == 400
            with pytest.raises(grpc.RpcError):
                target.predict({target.image_input()[0]: target.wrapped(large)})
        return target.memory()

    before = ask(4)
    assert ask(12) - before < 200                            # 12 of them are 240 MB and more by each interface
