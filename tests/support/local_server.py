"""Tiny SavedModels, and the local server over them in a process of its own."""

import contextlib
import http.client
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tests.support.patience import PATIENCE

TEXT = tf.TensorSpec([None], tf.string)


class Tiny(tf.Module):
    """Signatures as exports have them: bytes of a photograph to a mask, and some for trying types and times.

    The mask says which pixels are red rather than blue, times `factor`, by which versions are told apart.
    """

    def __init__(self, factor: int = 1):
        super().__init__()
        self.factor = tf.Variable(factor, dtype=tf.int32)

    def _ids(self, contents):
        image = tf.io.decode_image(contents, channels=3, expand_animations=False)
        return tf.cast(image[..., 0] > image[..., 2], tf.int32) * self.factor

    def _answer(self, contents, classes):
        ids = self._ids(tf.ensure_shape(contents, [1])[0])
        scores = tf.stack([tf.reduce_mean(tf.cast(ids == label, tf.float32)) for label in range(3)])
        present = tf.reshape(tf.where((scores > 0) & (classes > 0)), [-1])
        return {"mask_bytes": tf.io.encode_png(tf.cast(ids, tf.uint8)[..., None])[None],
                "class_ids": tf.cast(present, tf.int32)[None], "class_scores": tf.gather(scores, present)[None],
                "classes": tf.gather(tf.constant(["background", "cat", "dog"]), present)[None]}

    @tf.function(input_signature=[TEXT])
    def serving_default(self, image_bytes):
        return self._answer(image_bytes, tf.ones(3))

    @tf.function(input_signature=[TEXT, tf.TensorSpec([None, 2], tf.float32)])
    def with_tags(self, image_bytes, tags):
        return self._answer(image_bytes, tf.concat([[1.0], tags[0]], axis=0))

    @tf.function(input_signature=[TEXT])
    def batch(self, image_bytes):
        masks = tf.map_fn(lambda one: tf.io.encode_png(tf.cast(self._ids(one), tf.uint8)[..., None]), image_bytes)
        return {"mask_bytes": masks, "length": tf.strings.length(image_bytes)}

    @tf.function(input_signature=[TEXT])
    def scores(self, image_bytes):
        return {"scores": tf.one_hot(self._ids(tf.ensure_shape(image_bytes, [1])[0]), 4)[None]}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def log(self, x):
        return {"y": tf.math.log(x) * tf.cast(self.factor, tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.uint8), tf.TensorSpec([None], tf.bool)])
    def kinds(self, small, flags):
        return {"small": small, "flags": flags, "raw": tf.strings.as_string(small)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def slow(self, steps):
        _, total = tf.while_loop(lambda k, x: k < steps, lambda k, x: (k + 1, tf.sin(x) + 1.0), (0, tf.constant(1.0)))
        with tf.control_dependencies([tf.debugging.Assert(steps >= 0, [steps, "steps: too few"])]):
            total = tf.identity(total)
        return {"total": total, "factor": tf.identity(self.factor)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def wait(self, path):
        """Answers when a file is there."""
        def missing(looks):
            fresh = tf.strings.join([path, tf.strings.substr(tf.strings.as_string(looks), 0, 0)])    # no constant
            return tf.size(tf.io.matching_files(fresh)) == 0

        looks = tf.while_loop(missing, lambda looks: (looks + 1,), (0,))[0]
        return {"looks": looks, "factor": tf.identity(self.factor)}

    SIGNATURES = ("serving_default", "with_tags", "batch", "scores", "log", "kinds", "slow", "wait")


def save(folder: Path, factor: int = 1, warm_up: tuple = ()) -> Path:
    """Writes a tiny model's version, whole or not at all; `warm_up` holds requests."""
    from tensorflow_serving.apis import prediction_log_pb2

    module, aside = Tiny(factor), folder.with_name(f".{folder.name}")
    tf.saved_model.save(module, str(aside), signatures={name: getattr(module, name) for name in Tiny.SIGNATURES})
    (aside / "assets" / "labels.txt").write_text("background\ncat\ndog\n")
    if warm_up:
        (aside / "assets.extra").mkdir()
        with tf.io.TFRecordWriter(str(aside / "assets.extra" / "tf_serving_warmup_requests")) as file:
            for request in warm_up:
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.CopyFrom(request)
                file.write(log.SerializeToString())
    aside.rename(folder)
    return folder


def photo(kind: str = "PNG", rows: int = 6, columns: int = 9) -> bytes:
    """Bytes of a picture whose left half is red, the rest blue."""
    array = np.zeros((rows, columns, 3), np.uint8)
    array[:, : columns // 2, 0] = array[:, columns // 2:, 2] = 200
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


class Server:
    """A server in a process of its own; `rest` is host and port of HTTP, `grpc` of gRPC."""

    def __init__(self, process: subprocess.Popen, answer: dict):
        self.process, self.rest, self.grpc = process, answer["rest"].removeprefix("http://"), answer["grpc"]

    def memory(self) -> float:
        """MiB that the process holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "tfwsss.serve", *map(str, arguments)]


@contextlib.contextmanager
def server(models: Path, *arguments, log: Path | None = None) -> Iterator[Server]:
    """Starts the local server on free ports and stops it at the end."""
    ports = ("--rest-port", 0, "--grpc-port", 0, "--poll", 0.2)
    with open(log or os.devnull, "w") as errors:
        process = subprocess.Popen(command("--models", models, *ports, *arguments), stdout=subprocess.PIPE,
                                   stderr=errors, text=True)
        try:
            line = process.stdout.readline()
            assert line, f"the server ended with {process.wait(PATIENCE)}"
            yield Server(process, json.loads(line))
        finally:
            process.kill()
            process.wait(PATIENCE)
            process.stdout.close()


def call(rest: str, method: str, path: str, body: bytes | dict | None = None, headers: dict | None = None,
         connection: http.client.HTTPConnection | None = None) -> tuple[int, dict | list | str]:
    """Returns status and body (from JSON, where it is) of one HTTP request."""
    given = connection or http.client.HTTPConnection(rest, timeout=PATIENCE)
    try:
        given.request(method, path, json.dumps(body) if isinstance(body, dict) else body, headers or {})
        response = given.getresponse()
        text = response.read().decode("utf-8")
    finally:
        if connection is None:
            given.close()
    if response.getheader("Content-Type", "").startswith("application/json"):
        return response.status, json.loads(text, parse_constant=refuse_constant)
    return response.status, text


def refuse_constant(token: str) -> None:
    """JSON has no NaN."""
    raise AssertionError(f"the answer holds {token}, which strict clients refuse")
