import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.fake_run import image_set
from tests.support.transformers import DEPTH, shallow
from tfwsss.artefacts.models import write_model
from tfwsss.artefacts.scores import read_scores
from tfwsss.backbones.vit import FORMS
from tfwsss.inference.decide.clip import word_maps
from tfwsss.inference.see import see
from tfwsss.models.clip_maps import ClipMaps
from tfwsss.runs import journal
from tfwsss.runs.stage import Context
from tfwsss.steps.word_maps import WordMapSettings, word_map_stage, word_network


@pytest.fixture
def clip_folder(tmp_path):
    """CLIP of sharp attention: that of small random weights is even, and what it spreads differs by rounding alone."""
    keras.utils.set_random_seed(0)
    model = ClipMaps(shallow(FORMS["clip_b16"], 1 / 64).get_config(), list("abcde"), 3, 4)
    for layer in model.layers:
        if layer.name.endswith("_query"):
            layer.kernel.assign(layer.kernel * 100)
    write_model(tmp_path / "clip", model)
    return tmp_path / "clip"


def test_the_stage_keeps_maps_of_the_tagged_classes_on_the_grid_of_patches(tmp_path, clip_folder):
    images = image_set(tmp_path / "data")                                # 24 x 32 pixels
    (tmp_path / "data" / "images" / "image 3.png").write_bytes(b"torn")
    (tmp_path / "maps").mkdir()
    stage = word_map_stage("maps", images, WordMapSettings(), "clip")
    faults = stage.work(Context(), {"clip": clip_folder}, tmp_path / "maps")
    assert list(faults) == ["image 3"] and stage.needs == ("clip",)
    model = keras.models.load_model(clip_folder / "model.keras")
    look, rule = word_network(model, WordMapSettings())
    for name in ("image 0", "image 1", "image 2", "image 4"):
        kept = read_scores(tmp_path / "maps", name)
        assert kept.classes.tolist() == list(images.labels[name]) and kept.size == (24, 32)
        assert kept.scores.shape == (len(kept.classes), 2, 2) and 0 <= kept.scores.min() <= kept.scores.max() <= 1
        seen = see(look.network, 16, look.view, images.read_image(name)[None], 4)
        expected = word_maps(rule, {key: maps[0] for key, maps in seen.items()}, tf.constant(kept.classes))
        np.testing.assert_allclose(kept.scores, np.moveaxis(expected.spread, -1, 0), atol=1e-3)
    records = journal.read(tmp_path / "maps" / journal.SHOWN)
    assert set(records) == {"image 0", "image 1", "image 2", "image 4"}
    assert all(len(record["likely"]) == len(record["tags"]) for record in records.values())


def test_settings_reach_the_rule(clip_folder):
    model = keras.models.load_model(clip_folder / "model.keras")
    _, rule = word_network(model, WordMapSettings(blocks=3, share=0.7, rounds=1))
    assert (rule.averaged, rule.share, rule.rounds, rule.num_classes) == (3, 0.7, 1, 3)
    assert word_network(model, WordMapSettings(blocks=99))[1].averaged == DEPTH
