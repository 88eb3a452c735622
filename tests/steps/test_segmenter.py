import numpy as np
import pytest

from tests.support.fake_run import image_set, write_pseudo
from tests.support.tiny_run import SEGMENTER
from tfwsss.models.segmenter import Segmenter, logit_maps
from tfwsss.runs.stage import Context
from tfwsss.settings.reading import merge
from tfwsss.settings.sections import TensorBoardSettings
from tfwsss.steps import segmenter as module
from tfwsss.steps.segmenter import SegmenterSettings, segmenter_stage
from tfwsss.training.tensorboard import Panels

CONTEXT = Context(tensorboard=TensorBoardSettings(panels=2))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def labels(images, tmp_path_factory):
    return write_pseudo(tmp_path_factory.mktemp("labels"), images)


def settings(**values) -> SegmenterSettings:
    return SegmenterSettings(**merge({**SEGMENTER, "batch_size": 2, "crop": 33}, values))


@pytest.mark.parametrize(("backbone", "head", "heads", "dilation"), [
    ("vgg16", "largefov", {"score"}, 12), ("vgg16", "aspp", {f"{fc}_{k}" for fc in ("fc6", "fc7", "fc8")
                                                           for k in range(1, 5)}, None),
    ("mobilenet_v2", "largefov", {"pyram_conv1", "pyram_conv2", "score"}, None),
    ("resnet50", "parallel", {f"score_{k}" for k in range(1, 5)}, None)])
def test_the_network_is_compiled_as_the_settings_say(images, backbone, head, heads, dilation):
    width = 0.35 if backbone == "mobilenet_v2" else 1 / 16
    own = settings(backbone={"name": backbone, "width": width}, head=head, width=8, loss_at="grid", normaliser="batch",
                   optimizer="sgd", head_factor=7.0, bias_factor=2.0)
    model = module._build(own, None, CONTEXT, {}, images)
    assert isinstance(model, Segmenter) and set(model.heads) == heads
    config = model.get_config()
    assert [config[key] for key in ("num_ids", "head", "loss_at", "normaliser", "width")] == \
        [4, head, "grid", "batch", 8]
    assert {model.optimizer.get_config()["multipliers"][name] for name in heads} == {7.0}
    if dilation:
        assert model.get_layer("fc6").dilation_rate == (dilation, dilation)


def test_published_settings_are_the_default():
    """DeepLab-LargeFOV on VGG-16: batch 10, crops of 321, seven scales, step-wise decay, biases at twice the rate."""
    own = SegmenterSettings()
    assert (own.batch_size, own.crop, own.scales[0], own.scales[-1], len(own.scales)) == (10, 321, 0.7, 1.3, 7)
    assert (own.learning_rate, own.momentum, own.weight_decay, own.schedule) == (1e-3, 0.9, 5e-4, "step")
    assert (own.head_factor, own.bias_factor, own.backbone.name, own.head) == (10.0, 2.0, "vgg16", "largefov")


def test_batches_hold_an_image_and_its_mask(images, labels):
    """What lies outside of an image is open, not background."""
    own = settings(crop=49, mirror=False, scales=(1.0,))
    data = module._batches(own, "labels", CONTEXT, {"labels": labels}, images, 0)
    x, y = next(iter(data.as_numpy_iterator()))
    assert set(x) == {"image"} and set(y) == {"mask"}
    assert x["image"].shape == (2, 49, 49, 3) and y["mask"].shape == (2, 49, 49)
    assert (y["mask"][:, 24:] == 255).all() and (y["mask"][:, :, 32:] == 255).all()
    assert set(np.unique(y["mask"][:, :24, :32])) <= {0, 1, 2, 3, 255}


def test_a_later_round_can_begin_with_an_earlier_network(images, labels, tmp_path):
    """The same weights, another optimiser."""
    stage = segmenter_stage("segmenter_2", images, settings(), "labels", "segmenter")
    assert stage.needs == ("labels", "segmenter")
    first = module._build(settings(), None, CONTEXT, {}, images)
    (tmp_path / "segmenter").mkdir()
    first.save(tmp_path / "segmenter" / "model.keras")
    second = module._build(settings(), "segmenter", CONTEXT, {"segmenter": tmp_path / "segmenter"}, images)
    for before, after in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(before, after)
    assert second.optimizer.iterations == 0


def test_training_and_its_panels(images, labels, tmp_path):
    """Only images with a mask are used; panels show the network's own masks."""
    (labels / f"{images.names[0]}.png").rename(labels / "aside")
    try:
        stage = segmenter_stage("segmenter", images, settings(epochs=1), "labels")
        (tmp_path / "segmenter").mkdir()
        assert stage.work(CONTEXT, {"labels": labels}, tmp_path / "segmenter") == {}
    finally:
        (labels / "aside").rename(labels / f"{images.names[0]}.png")
    assert (tmp_path / "segmenter" / "model.keras").is_file()
    model = module._build(settings(), None, CONTEXT, {}, images)
    found = module._callbacks("segmenter", settings(), logit_maps, CONTEXT, tmp_path, model, images)
    panels = next(callback for callback in found if isinstance(callback, Panels))
    maps, masks = panels._predict(images.names[0])
    assert maps == {} and masks["mask"].shape == (24, 32)
