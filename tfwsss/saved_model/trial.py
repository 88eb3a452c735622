"""Tries a SavedModel in a process without Keras: `python -m tfwsss.saved_model.trial FOLDER` prints what it costs."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tfwsss.errors import UserError

_SIZE, _TIMES = (375, 500), 5
_SECONDS = 600


def try_out(folder: Path) -> dict[str, Any]:
    """Lets a fresh process load a SavedModel and make masks.

    Args:
        folder: the SavedModel.

    Returns:
        Median milliseconds an image, and the process's largest memory in MiB; for which image, on which device.

    Raises:
        UserError: the model does not load there, or answers with numbers that are none.
    """
    try:
        done = subprocess.run([sys.executable, "-m", "tfwsss.saved_model.trial", str(folder)], capture_output=True,
                              text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"the exported model made no {_TIMES} masks in {_SECONDS} seconds; export with --no-crf, or "
                        "fewer --scales") from error
    if done.returncode:
        last = next(iter(done.stderr.strip().splitlines()[-1:]), f"exit code {done.returncode}")
        raise UserError(f"the exported model does not work in a process of its own ({last}); if its network has "
                        "diverged, train again with a lower learning rate")
    return json.loads(done.stdout.splitlines()[-1])


def main(folder: str) -> int:
    """Loads a SavedModel, times it and prints one JSON line.

    Args:
        folder: the SavedModel.

    Returns:
        Exit code.
    """
    import resource

    import numpy as np
    import tensorflow as tf

    from tfwsss.saved_model.sample import sample_image

    signatures = tf.saved_model.load(folder).signatures
    image = tf.constant([sample_image(*_SIZE)])
    canvas = tf.zeros([1, *signatures["batch"].structured_input_signature[1]["image"].shape[1:]], tf.uint8)
    likely = signatures["batch"](image=canvas, height=tf.constant([9]), width=tf.constant([9]))["class_scores"]
    if not all(np.isfinite(found).all() for found in (likely, signatures["scores"](image_bytes=image)["scores"])):
        print("its scores are not finite", file=sys.stderr)
        return 1
    times = []
    for _ in range(1 + _TIMES):                                             # the first traces
        start = time.perf_counter()
        signatures["serving_default"](image_bytes=image)["mask_bytes"].numpy()
        times.append(1000 * (time.perf_counter() - start))
    unit = 2**20 if sys.platform == "darwin" else 2**10
    device = "GPU" if tf.config.list_physical_devices("GPU") else f"CPU, {os.cpu_count()} cores"
    print(json.dumps({"milliseconds": round(statistics.median(times[1:]), 1), "image": list(_SIZE),
                      "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit,
                      "device": f"{device}, {platform.machine()}"}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
