import os
import subprocess
import sys

import pytest

from tests.support.patience import PATIENCE
from tests.support.sources import ROOT


@pytest.mark.parametrize(("inputs", "seed"), [
    (4_500, 1), pytest.param(90_000, 2, marks=pytest.mark.slow)  # 10,000 of each file
    ])
def test_damaged_files_end_in_named_errors_under_a_memory_cap(inputs, seed):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", "tests.weights.fuzz", str(inputs), str(seed)], cwd=ROOT,
                          env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {line.split(maxsplit=1)[1]: int(line.split()[0]) for line in done.stdout.splitlines()}
    assert sum(counts.values()) == inputs
    for name in ("mxnet_v2.params", "caffe_v2.caffemodel", "keras_tiny.h5", "torch_zip.pth", "torch_legacy.pth"):
        assert counts[f"{name} refused"] and counts[f"{name} read"], f"{name}: one-sided damage {counts}"
