import json

import numpy as np
import pytest

from tests.support.fake_run import image_set, kept_maps, write_pseudo
from tests.support.tiny_run import AFFINITYNET
from tfwsss.artefacts.marginals import read_marginals
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.models import load_model
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.methods.affinitynet.config import Config
from tfwsss.methods.affinitynet.stages import stages
from tfwsss.models.affinity import AffinityNet
from tfwsss.runs import runner
from tfwsss.runs.stage import Context, Stage
from tfwsss.settings import reading
from tfwsss.settings.reading import merge
from tfwsss.steps.confident_labels import sure_pixels


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))


def made(images, **values) -> dict[str, Stage]:
    tiny = merge(AFFINITYNET, {"method": "affinitynet", "rounds": 0, "tensorboard": {"enabled": False},
                               "affinity": {"crop": 32, "batch_size": 2, "epochs": 1, "jitter": []}})
    tiny = merge(tiny, values)
    return {stage.name: stage for stage in stages(reading.build(Config, tiny, "test"), Splits(images, images, None))}


@pytest.fixture
def inputs(images, tmp_path):
    """What the stages before the marginals leave: class maps, and the masks' threshold."""
    return kept_maps(tmp_path, images)


def test_labels_are_what_the_kept_marginals_are_sure_of(images, inputs, tmp_path):
    """Both stages belong to one section and are judged by the training images."""
    found = made(images, labels={"low": 1.0, "high": 64.0})
    assert [(found[name].kind, found[name].section or name, found[name].split) for name in ("marginals", "labels")] == \
        [("marginals", "labels", "training"), ("masks", "labels", "training")]
    marginals, labels = tmp_path / "marginals", tmp_path / "labels"
    assert found["marginals"].work(Context(), inputs, marginals) == {}
    assert found["labels"].work(Context(), {"marginals": marginals}, labels) == {}
    seen = set()
    for name in images.names:
        classes = np.array(images.labels[name], np.int32)
        expected = sure_pixels(read_marginals(marginals, name, 1 + len(classes)), classes)
        np.testing.assert_array_equal(read_mask(labels, name), expected)
        seen |= set(np.unique(expected))
    assert {0, 255} < seen


@pytest.mark.usefixtures("eagerly")
def test_training_learns_from_marginals(images, inputs, tmp_path):
    """An image whose class maps were torn has none, and is left out."""
    (inputs["cam"] / "image 3.npz").write_bytes(b"torn")
    found, output = made(images), tmp_path / "marginals"
    assert set(found["marginals"].work(Context(), inputs, output)) == {"image 3"}
    assert found["affinity"].needs == ("marginals",)
    (tmp_path / "affinity").mkdir()
    assert found["affinity"].work(Context(), {"marginals": output}, tmp_path / "affinity") == {}
    assert isinstance(load_model(tmp_path / "affinity", AffinityNet), AffinityNet)
    assert np.isfinite(json.loads((tmp_path / "affinity" / "history.json").read_text())[0]["loss"])


@pytest.mark.usefixtures("eagerly")
def test_training_learns_from_given_labels(images, tmp_path):
    """Masks of one's own: no marginals are made, and nothing before is asked for."""
    given = tmp_path / "mine"
    write_pseudo(given, images)
    found = made(images, given={"labels": str(given)})
    assert "marginals" not in found and found["affinity"].needs == ("labels",)
    run = tmp_path / "run"
    runner.run([found["labels"], found["affinity"]], run, given={"labels": given})
    assert (run / "affinity" / "model.keras").is_file() and not (run / "labels").exists()
