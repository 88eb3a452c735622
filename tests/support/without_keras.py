"""Saves a module of TensorFlow's and runs it in a process where importing keras or tfwsss raises."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.support.patience import PATIENCE

LOADER = """
import sys
sys.modules |= {"keras": None, "tfwsss": None}          # importing either raises ImportError
import numpy as np, tensorflow as tf
folder, method = sys.argv[1:]
work = getattr(tf.saved_model.load(folder + "/module"), method)
with np.load(folder + "/in.npz", allow_pickle=False) as given:
    calls = [key.split("_") for key in given.files]
    count = {k: sum(call == k for call, _ in calls) for k, _ in calls}
    answers = {k: work(*[given[f"{k}_{i}"] for i in range(n)]).numpy() for k, n in count.items()}
np.savez(folder + "/out.npz", **answers)
assert not [name for name, module in sys.modules.items() if name.split(".")[0] in ("keras", "tfwsss") and module]
"""


def answers_without_keras(module, method: str, calls: list[tuple], folder: Path) -> list[np.ndarray]:
    """Returns what a saved module's method gives for each call's arrays, in a fresh process without Keras and us."""
    import tensorflow as tf

    tf.saved_model.save(module, str(folder / "module"))
    arrays = {f"{k}_{i}": array for k, arguments in enumerate(calls) for i, array in enumerate(arguments)}
    np.savez(folder / "in.npz", **arrays)
    # nor does a server ask for the fast kernel of sparse products
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_SPMM"}
    subprocess.run([sys.executable, "-c", LOADER, str(folder), method], check=True, timeout=PATIENCE, env=environment)
    with np.load(folder / "out.npz", allow_pickle=False) as out:
        return [out[str(k)] for k in range(len(calls))]
