"""The local server under concurrent clients beside calls of the same SavedModel in one process.

    python benchmarks/serve.py [--model export/models/icd/1] [--beside export/models/icd_no_crf/1] [--images FOLDER]
                               [--seconds 10] [--rounds 3] [--clients 8]

Each round measures, one after the other: calls of the loaded SavedModel from 1 thread, from as many threads as cores,
and from as many as clients; then the server with that many clients by REST and by gRPC. The clients are threads of this
process and share the cores with the server, as on one machine they must. Overhead is what the server lacks to the best
of the direct forms: 1 - images a second of the server / images a second called directly, medians of the rounds. Aim:
at most 0.1. Every answer is compared with the mask of the direct call; a wrong or failed one ends the benchmark.
`--beside` measures a second SavedModel, such as the same one without CRF. Without --model: a stand-in whose
convolutions take about as long as a small network (it needs no export).
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

ROWS, COLUMNS = 321, 481


class StandIn(tf.Module):
    """Bytes to a mask through convolutions of random weights."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(0)
        widths = (3, 32, 64, 64, 128)
        self.kernels = [tf.Variable(rng.normal(0, (9 * a) ** -0.5, (3, 3, a, b)).astype("float32"))
                        for a, b in zip(widths, widths[1:], strict=False)]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, image_bytes):
        """Gives each pixel its strongest channel."""
        image = tf.io.decode_image(image_bytes[0], channels=3, expand_animations=False)
        maps = tf.cast(image, tf.float32)[None] / 255
        for kernel in self.kernels:
            maps = tf.nn.relu(tf.nn.conv2d(maps, kernel, 1, "SAME"))
        return {"mask_bytes": tf.io.encode_png(tf.cast(tf.argmax(maps, -1)[0, ..., None], tf.uint8))[None]}


def photographs(folder):
    """Bytes of JPEGs: those of a folder, or two of scikit-image's."""
    if folder:
        paths = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))[:16]
        return [path.read_bytes() for path in paths] or sys.exit(f"{folder} holds no JPEG")
    import skimage.data

    return [tf.io.encode_jpeg(getattr(skimage.data, name)()[:ROWS, :COLUMNS], quality=90).numpy()
            for name in ("astronaut", "coffee")]


def hammer(ask, photos, expected, clients, seconds):
    """Images a second and seconds of each answer of clients that ask all the time; any fault ends it."""
    taken, faults, end = [], [], time.perf_counter() + seconds

    def client(number):
        try:
            with ask() as one:
                turn = number
                while time.perf_counter() < end and not faults:
                    start = time.perf_counter()
                    mask = one(photos[turn % len(photos)])
                    taken.append(time.perf_counter() - start)
                    if mask != expected[turn % len(photos)]:
                        raise ValueError("a wrong mask")
                    turn += 1
        except Exception as fault:              # of a thread: told below
            faults.append(fault)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return len(taken) / (time.perf_counter() - start), taken


def direct(signature):
    @contextlib.contextmanager
    def ask():
        yield lambda photo: signature(image_bytes=tf.constant([photo]))["mask_bytes"].numpy()[0]

    return ask


def by_rest(address):
    @contextlib.contextmanager
    def ask():
        connection = http.client.HTTPConnection(address, timeout=120)

        def one(photo):
            body = json.dumps({"inputs": {"image_bytes": [{"b64": base64.b64encode(photo).decode("ascii")}]}})
            connection.request("POST", "/v1/models/model:predict", body)
            response = connection.getresponse()
            answer = json.loads(response.read())
            if response.status != 200:
                raise ValueError(answer["error"])
            outputs = answer["outputs"]
            return base64.b64decode((outputs["mask_bytes"] if isinstance(outputs, dict) else outputs)[0]["b64"])

        yield one
        connection.close()

    return ask


def by_grpc(address):
    @contextlib.contextmanager
    def ask():
        with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

            def one(photo):
                request = predict_pb2.PredictRequest()
                request.model_spec.name = "model"
                request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([photo]))
                return stub.Predict(request, 120).outputs["mask_bytes"].string_val[0]

            yield one

    return ask


@contextlib.contextmanager
def server(version):
    """The local server over one version of a model."""
    with tempfile.TemporaryDirectory() as models:
        (Path(models) / "model").mkdir()
        (Path(models) / "model" / "1").symlink_to(version.resolve())
        call = [sys.executable, "-m", "tfwsss.serve", "--models", models, "--rest-port", "0", "--grpc-port", "0"]
        process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            line = process.stdout.readline() or sys.exit("the server did not start; install the extra serve")
            yield json.loads(line), process
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


def memory(process):
    """MiB that the server holds, None where the system does not tell."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except FileNotFoundError:
        return None
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def measure(version, photos, settings):
    """Figures of a version, by form."""
    loaded = tf.saved_model.load(str(version))
    signature = loaded.signatures["serving_default"]
    with direct(signature)() as one:
        expected = [one(photo) for photo in photos]
    with server(version) as (answer, process):
        rest, rpc = by_rest(answer["rest"].removeprefix("http://")), by_grpc(answer["grpc"])
        cores = os.cpu_count() or 1
        forms = {"direct, 1 thread": (direct(signature), 1), f"direct, {cores} threads": (direct(signature), cores),
                 f"direct, {settings.clients} threads": (direct(signature), settings.clients),
                 "server, REST": (rest, settings.clients), "server, gRPC": (rpc, settings.clients)}
        for ask, clients in forms.values():
            hammer(ask, photos, expected, clients, 1)                     # what comes first does not count
        before = memory(process)
        speeds, taken = {name: [] for name in forms}, {name: [] for name in forms}
        for _ in range(settings.rounds):
            for name, (ask, clients) in forms.items():
                speed, seconds = hammer(ask, photos, expected, clients, settings.seconds)
                speeds[name].append(speed)
                taken[name] += seconds
        grown = None if before is None else memory(process) - before
    return summary(version, speeds, taken, grown)


def summary(version, speeds, taken, grown):
    """Prints the table of a version and returns its figures."""
    middle = {name: statistics.median(values) for name, values in speeds.items()}
    print(f"\n{version}\n{'form':<20} {'images/s':>9} {'p50, ms':>8} {'p95, ms':>8} {'answers':>8}")
    points = {}
    for name, seconds in taken.items():
        points[name] = [round(1000 * float(value), 1) for value in np.percentile(seconds, (50, 95))]
        print(f"{name:<20} {middle[name]:>9.2f} {points[name][0]:>8.1f} {points[name][1]:>8.1f} {len(seconds):>8}")
    best = max(speed for name, speed in middle.items() if name.startswith("direct"))
    answer = {"images_a_second": round(best, 3), "server_grew_mebibytes": grown}
    for name in ("REST", "gRPC"):
        p50, p95 = points[f"server, {name}"]
        answer |= {f"overhead_{name.lower()}": round(1 - middle[f"server, {name}"] / best, 4),
                   f"p50_{name.lower()}": p50, f"p95_{name.lower()}": p95}
    return answer


def main():
    parser = argparse.ArgumentParser(description="The local server beside calls of the SavedModel in one process.")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="MODEL/VERSION of an export")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another one, measured the same way")
    parser.add_argument("--images", metavar="FOLDER", help="its first 16 JPEGs are sent")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each form in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    settings = parser.parse_args()
    photos = photographs(settings.images)
    with tempfile.TemporaryDirectory() as folder:
        version = settings.model
        if version is None:
            module, version = StandIn(), Path(folder) / "stand-in" / "1"
            tf.saved_model.save(module, str(version), signatures=module.serve)
        answer = measure(version, photos, settings)
    if settings.beside:
        answer["beside"] = measure(settings.beside, photos, settings)
    met = max(answer["overhead_rest"], answer["overhead_grpc"]) <= 0.1
    print(f"\naims: {'met' if met else 'MISSED'}")
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
