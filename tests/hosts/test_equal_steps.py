"""Two and three processes train every method's networks as one does: weights after ten steps are the same."""

import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from tests.hosts.starting import all_ended, start_all
from tests.hosts.steps import TRAININGS
from tests.support.tiny_run import draw_tiny_folder

pytest.importorskip("jax", reason="JAX is not installed; `make test-scale` has it")
pytestmark = [pytest.mark.scale, pytest.mark.large]

CLOSE = 1e-5


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Number of processes to the folder of what they have trained."""
    base = tmp_path_factory.mktemp("steps")
    data = draw_tiny_folder(base / "data")
    for count in (1, 2, 3):
        answers = all_ended(start_all(count, "tests.hosts.steps", data, base / str(count)))
        assert [answer.code for answer in answers] == [0] * count, [answer.err[-3000:] for answer in answers]
    return {count: base / str(count) for count in (1, 2, 3)}


def weights(folder):
    """Returns every array of a trained network by its place in the file."""
    with zipfile.ZipFile(folder / "model.keras") as archive:
        file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    found = {}
    file.visititems(lambda path, item: found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", TRAININGS)
def test_weights_are_those_of_one_process(trained, name, count):
    one, many = weights(trained[1] / name), weights(trained[count] / name)
    assert one.keys() == many.keys() and len(one) > 10
    apart = {path: float(np.abs(np.float64(many[path]) - one[path]).max()) for path in one}
    assert max(apart.values()) < CLOSE, sorted(apart.items(), key=lambda item: -item[1])[:5]


@pytest.mark.parametrize("name", TRAININGS)
def test_something_was_learnt_and_told_alike(trained, name):
    history = {count: json.loads((folder / name / "history.json").read_text()) for count, folder in trained.items()}
    assert len(history[1]) == TRAININGS[name][3]["epochs"] and history[1][0]["loss"] != history[1][-1]["loss"]
    for count in (2, 3):
        for one, many in zip(history[1], history[count], strict=True):
            assert one.keys() == many.keys()
            np.testing.assert_allclose([*many.values()], [*one.values()], rtol=1e-4, atol=1e-6)
