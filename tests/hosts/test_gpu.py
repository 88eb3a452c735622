"""`benchmarks/gpu.py` runs without TensorFlow and without a GPU, and its CRF is the exact one."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.support.patience import PATIENCE
from tests.support.sources import ROOT

pytest.importorskip("jax", reason="JAX is not installed; `make test-scale` has it")
pytestmark = pytest.mark.scale


WITHOUT_TENSORFLOW = """
import runpy, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
sys.path.insert(0, "benchmarks")
sys.argv[0] = "benchmarks/gpu.py"
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_every_row_runs():
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, "--small", "--batch", "2", "--steps", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert [(row["row"], row["precision"]) for row in found] == [
        ("vgg16", "float32"), ("vgg16", "float16"), ("resnet38", "float32"), ("resnet38", "float16"),
        ("maps", "float32"), ("maps", "float16"), ("crf", "float32"), ("walk", "float32")]
    assert all(row["images_per_second"] > 0 and row["flops"] > 0 for row in found)


def test_its_crf_sums_over_all_pairs(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import exact_crf

    monkeypatch.setattr(exact_crf, "BLOCK", 16)                     # the last block is not full
    random = np.random.default_rng(0)
    unary = -np.log(random.dirichlet(np.ones(3), (7, 9)))
    image = random.uniform(0, 255, (7, 9, 3))
    found = np.array(exact_crf.sharpened(unary.astype(np.float32), image.astype(np.float32)))
    np.testing.assert_allclose(found, marginals(unary, image), atol=2e-5)


def marginals(unary, image):
    """Mean field by the whole matrix of pairs, in double precision."""
    rows, columns, ids = unary.shape
    place = np.stack(np.mgrid[:rows, :columns], -1).reshape(-1, 2)
    kernels = []
    for features in (place / 3.0, np.concatenate([place / 80.0, image.reshape(-1, 3) / 13.0], 1)):
        kernel = np.exp(-0.5 * ((features[:, None] - features[None]) ** 2).sum(-1))
        scale = 1 / np.sqrt(kernel.sum(1))
        kernels.append(scale[:, None] * kernel * scale)
    total, cost = 3.0 * kernels[0] + 10.0 * kernels[1], unary.reshape(-1, ids)
    q = np.exp(-cost)
    for _ in range(10):
        q = np.exp(total @ (q / q.sum(1, keepdims=True)) - cost)
    return (q / q.sum(1, keepdims=True)).reshape(unary.shape)
