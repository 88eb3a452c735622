"""Whole runs by Adam: two processes make what one process makes that sees as many devices.

Adam divides near-zero gradients by their own size, so that rounding becomes whole steps. Beside a process of one
device, whose sums over a batch are taken in another order, masks therefore differ a little; here the sums are the same.
"""

import numpy as np
import pytest

from tests.hosts.starting import all_ended, start_all
from tests.hosts.test_run import masks
from tests.support.patience import PATIENCE
from tests.support.tiny_run import draw_tiny_folder, grow, write_config

pytest.importorskip("jax", reason="JAX is not installed; `make test-scale` has it")
pytestmark = [pytest.mark.scale, pytest.mark.large]


def both_equal(base, stages, *further, seconds=PATIENCE):
    """Runs a command on one process of two devices and on two of one, and compares the masks of some stages."""
    runs = {}
    for count, devices in ((1, 2), (2, 1)):
        runs[count] = base / f"run {count}"
        answers = all_ended(start_all(count, "tfwsss.train", *further, "--run", runs[count], devices=devices), seconds)
        assert all(answer.code == 0 for answer in answers), [answer.err[-3000:] for answer in answers]
    for stage in stages:
        one, two = (masks(run, stage) for run in runs.values())
        assert one and one.keys() == two.keys()
        same = np.mean([np.mean(one[name] == two[name]) for name in one])
        assert same >= 0.999, (stage, same)
    return runs


def test_of_a_tiny_folder(tmp_path):
    grow(draw_tiny_folder(tmp_path / "data"), 24)
    icd = {"epochs": 20, "optimizer": "adam", "learning_rate": 0.001}
    write_config(tmp_path / "config.yaml", tmp_path / "data", icd=icd, tensorboard={"panels": 0})
    both_equal(tmp_path, ("cam_masks", "seeds", "pseudo"), "--config", tmp_path / "config.yaml")


@pytest.mark.slow  # ten minutes; the tiny folder above goes the same way
def test_of_the_built_in_pictures(tmp_path):
    runs = both_equal(tmp_path, ("cam_masks", "seeds", "pseudo", "masks"), "--method", "icd", seconds=3600)
    assert len(masks(runs[2], "pseudo")) == 320
