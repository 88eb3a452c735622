"""Asks a SavedModel in a process where importing keras or tfwsss raises; the answers come back as arrays."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.patience import PATIENCE

LOADER = """
import sys
sys.modules |= {"keras": None, "tfwsss": None}          # importing either raises ImportError
import numpy as np, tensorflow as tf
model, asked, answers = sys.argv[1:]
signatures = tf.saved_model.load(model).signatures
found = {}
with np.load(asked, allow_pickle=False) as given:
    names = sorted({key.rpartition("|")[0] for key in given.files}, key=lambda name: int(name.split("|")[0]))
    for name in names:
        signature = signatures[name.split("|")[1]]
        inputs = {key.rpartition("|")[2]: given[key] for key in given.files if key.startswith(name + "|")}
        inputs = {key: tf.constant([value.tobytes()]) if key == "image_bytes" else tf.constant(value)
                  for key, value in inputs.items()}
        try:
            outputs = {key: value.numpy() for key, value in signature(**inputs).items()}
        except tf.errors.OpError as error:
            outputs = {"error": np.array(type(error).__name__ + ": " + error.message)}
        for key, value in outputs.items():
            if key == "mask_bytes":
                assert value.shape == (1,)
                value = np.frombuffer(value[0], np.uint8)
            found[name + "|" + key] = value.astype(str) if value.dtype == object else value
np.savez(answers, **found)
assert not [name for name, module in sys.modules.items() if name.split(".")[0] in ("keras", "tfwsss") and module]
"""


def ask(model: Path, calls: list[tuple[str, dict[str, Any]]], folder: Path) -> list[dict[str, np.ndarray]]:
    """Returns the outputs of calls, each the name of a signature and its inputs; `image_bytes` are bytes.

    `mask_bytes` come as uint8. A refused call has the output "error": the kind of exception and its message.
    """
    arrays = {f"{place}|{signature}|{key}": np.frombuffer(value, np.uint8) if isinstance(value, bytes) else value
              for place, (signature, inputs) in enumerate(calls) for key, value in inputs.items()}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "asked.npz", **arrays)
    # nor does a server ask for the fast kernel of sparse products
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_SPMM"}
    subprocess.run([sys.executable, "-c", LOADER, str(model), str(folder / "asked.npz"), str(folder / "answers.npz")],
                   check=True, timeout=PATIENCE, env=environment)
    answers: list[dict[str, np.ndarray]] = [{} for _ in calls]
    with np.load(folder / "answers.npz", allow_pickle=False) as file:
        for key in file.files:
            place, _, output = key.split("|")
            answers[int(place)][output] = file[key]
    return answers
