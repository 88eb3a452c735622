import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.tiny_run import SEAM as TINY
from tfwsss.methods.seam import training
from tfwsss.methods.seam.config import Config
from tfwsss.models.seam import HEADS, SEAM, TERMS
from tfwsss.runs.stage import Context
from tfwsss.settings import reading
from tfwsss.settings.reading import merge
from tfwsss.training.progress import TrainingProgress
from tfwsss.training.tensorboard import Panels, TensorBoardLogs


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))


def built(**sections) -> Config:
    return reading.build(Config, merge({**TINY, "method": "seam"}, sections), "test")


def build(images, **seam) -> SEAM:
    keras.utils.set_random_seed(0)
    return training.build(built(seam=seam).seam, Context(), {}, images)


@pytest.mark.parametrize(("plain", "heads"), [(False, HEADS), (True, HEADS[:1])])
def test_the_network_is_compiled_as_the_settings_say(images, plain, heads):
    """All kernels decay, new layers learn faster, and the momentum is the released slip."""
    model = build(images, backbone={"name": "resnet38", "width": 1 / 32}, widths=[4, 8, 12], optimizer="sgd",
                  learning_rate=0.5, weight_decay=0.25, head_factor=7.0, schedule="step", plain=plain, epochs=3,
                  minimum_pooling=False, copy_scale=0.4, hardest=0.1, dropout=0.25)
    own, rule = model.get_config(), model.optimizer.get_config()
    assert isinstance(model, SEAM) and (own["num_classes"], own["widths"], own["plain"]) == (3, [4, 8, 12], plain)
    assert (own["minimum"], own["scale"], own["share"], own["dropout"]) == (False, 0.4, 0.1, 0.25)
    assert (rule["momentum"], rule["coupled_decay"], rule["nesterov"]) == (5e-4, 0.25, False)
    model.optimizer.build(model.trainable_variables)
    assert len(model.trainable_variables) == 35 + len(heads)
    for variable, factor in zip(model.trainable_variables, model.optimizer._factors, strict=True):
        assert factor == (7.0 if variable.path.startswith(tuple(f"{head}/" for head in heads)) else 1.0)
    assert set(model.optimizer._decays) == {0.25}
    rates = [float(model.optimizer._learning_rate(step)) for step in range(3)]             # 3 epochs of one step
    np.testing.assert_allclose(rates, 0.5 * (1 - np.arange(3) / 3) ** 0.9, rtol=1e-6)


def batches(images, first=0, **seam):
    return list(training.batches(built(seam=seam).seam, Context(), {}, images, first).as_numpy_iterator())


def test_batches_are_crops_with_their_tags(images):
    """Small images lie anywhere, and round them is the colour that the normalisation turns to nothing."""
    own = {"crop": 60, "longer_side": [32, 32], "batch_size": 5, "epochs": 2, "jitter": [],
           "backbone": {"name": "resnet38", "width": 1 / 32}}
    (x, y), (later, _) = batches(images, **own)
    assert set(x) == {"image"} and x["image"].shape == (5, 60, 60, 3) and y["labels"].shape == (5, 3)
    round_ = np.isclose(x["image"], (123.675, 116.28, 103.53)).all(axis=-1)
    assert (round_.sum((1, 2)) == 60 * 60 - 24 * 32).all()
    np.testing.assert_array_equal(batches(images, 1, **own)[0][0]["image"], later["image"])


@pytest.mark.slow                           # tests/models/test_seam.py, and of a whole run tests/test_journeys_seam.py
def test_every_term_of_the_loss_is_logged(images):
    model, settings = build(images, jitter=[]), built(seam={"jitter": []}).seam
    data = training.batches(settings, Context(), {}, images, 0)
    history = model.fit(data, epochs=2, steps_per_epoch=1, verbose=0).history
    assert set(history) == {"loss", *TERMS} and np.isfinite(list(history.values())).all()


@pytest.mark.parametrize(("board", "kinds"), [
    ({"panels": 2}, [TrainingProgress, TensorBoardLogs, Panels]), ({"panels": 0}, [TrainingProgress, TensorBoardLogs]),
    ({"enabled": False, "panels": 2}, [TrainingProgress])])
def test_who_watches(images, tmp_path, board, kinds):
    settings = built(tensorboard=board)
    found = training.callbacks(settings, Context.of(settings), tmp_path, build(images), images)
    assert [type(one) for one in found] == kinds


@pytest.mark.parametrize(("plain", "titles"), [(False, ["CAM", "refined"]), (True, ["CAM"])])
@pytest.mark.usefixtures("eagerly")
def test_a_panel_shows_plain_and_refined_maps(images, tmp_path, plain, titles):
    settings, model = built(seam={"plain": plain}), build(images, plain=plain)
    found = training.callbacks(settings, Context.of(settings), tmp_path, model, images)
    panels = next(callback for callback in found if isinstance(callback, Panels))
    maps, masks = panels._predict("image 0")
    assert list(maps) == titles and list(masks) == [f"{title} mask" for title in titles]
    allowed = {0, *(label + 1 for label in images.labels["image 0"])}
    assert all(plane.shape == (24, 32) and 0 <= plane.min() <= plane.max() <= 1 for plane in maps.values())
    assert all(mask.shape == (24, 32) and set(np.unique(mask)) <= allowed for mask in masks.values())
