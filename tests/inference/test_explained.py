"""Maps of tf-keras-vis beside the equations of their papers, on a small classifier."""

import keras
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tfwsss.backbones.small import small
from tfwsss.errors import UserError
from tfwsss.inference import explained
from tfwsss.inference.explained import Explainer, check_library
from tfwsss.models.classifier import Classifier

SIZE, CLASSES = (33, 41), (2, 0)
GRADIENTS = pytest.mark.parametrize("way", ["layercam", "gradcam_plus_plus"])


@pytest.fixture(scope="module")
def model() -> Classifier:
    pytest.importorskip("tf_keras_vis", reason="tf-keras-vis is not installed; pip install 'tfwsss[viz]'")
    keras.utils.set_random_seed(3)
    return Classifier(small(width=0.2), num_classes=3)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3)).astype(np.float32)


def scaled(maps: np.ndarray) -> np.ndarray:
    """The positive part of a map, divided by its maximum."""
    return np.maximum(maps, 0) / maps.max()


def features_and_gradients(model, layer: str, image: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns features `(row, column, channel)`, the logit's gradient by them, and the logit."""
    network = keras.Model(model.input["image"], [model.get_layer(layer).output, model.output["logits"]])
    with tf.GradientTape() as tape:
        features, logits = network(image[None])
        logit = logits[0, label]
    return features[0].numpy(), tape.gradient(logit, features)[0].numpy().astype(np.float64), float(logit)


def by_equation(way: str, features: np.ndarray, gradients: np.ndarray, logit: float) -> np.ndarray:
    """LayerCAM's equation 6; Grad-CAM++ with the coefficients of its equation 19, summing to 1 for each feature."""
    if way == "layercam":
        return scaled((np.maximum(gradients, 0) * features).sum(-1))
    below = 2 * gradients**2 + features.sum((0, 1)) * gradients**3
    share = np.where(gradients == 0, 0, gradients**2 / np.where(below == 0, 1, below))
    total = share.sum((0, 1))
    weights = (share / np.where(total == 0, 1, total) * np.maximum(np.exp(logit) * gradients, 0)).sum((0, 1))
    return scaled(features @ weights)


@GRADIENTS
@pytest.mark.parametrize("layer", [None, "relu2"])
def test_equations(model, images, way, layer):
    explainer = Explainer(model, way, layer)
    found = explainer(images, CLASSES)
    for place, image in enumerate(images):
        for k, label in enumerate(CLASSES):
            known = features_and_gradients(model, layer or "fc8_dropout", image, label)
            np.testing.assert_allclose(found[place, ..., k], by_equation(way, *known), rtol=1e-3, atol=1e-4)
    assert found.dtype == np.float32 and found.shape[1:3] == tuple(-(-side // explainer.stride) for side in SIZE)


@GRADIENTS
def test_last_features_are_weighed_by_positive_weights(model, images, way):
    """As the docstring says: gradients of a mean of a linear layer do not depend on the position."""
    network = keras.Model(model.input["image"], model.backbone.output["classifier"])
    weights = np.maximum(model.get_layer("fc8").kernel.numpy()[0, 0], 0)                        # (channel, class)
    for place, maps in enumerate(np.asarray(network(images)) @ weights):
        for k, label in enumerate(CLASSES):
            found = Explainer(model, way)(images, CLASSES)[place, ..., k]
            np.testing.assert_allclose(found, scaled(maps[..., label]), rtol=1e-3, atol=1e-4)


def test_score_cam(model, images):
    """Each feature, as large as the image and between 0 and 1, is laid over the image; its weight is the softmax."""
    image = images[:1]
    network = keras.Model(model.input["image"], [model.backbone.output["classifier"], model.output["logits"]])
    features = np.asarray(network(image)[0])[0]
    total = np.zeros(features.shape[:2])
    for k in range(features.shape[-1]):
        large = scipy.ndimage.zoom(features[..., k], np.divide(SIZE, features.shape[:2]), order=1, mode="nearest")
        share = (large - large.min()) / (large.max() - large.min() + 1e-7)
        logits = np.asarray(network(image * share[None, ..., None])[1])[0].astype(np.float64)
        total += features[..., k] * (np.exp(logits) / np.exp(logits).sum())[1]
    found = Explainer(model, "scorecam", channels=10_000)(image, [1])
    np.testing.assert_allclose(found[0, ..., 0], scaled(total), rtol=1e-3, atol=1e-4)


def test_score_cam_of_few_features(model, images):
    """Those that vary most; fewer passes, another map."""
    few, all_of_them = (Explainer(model, "scorecam", channels=count)(images[:1], [1]) for count in (2, 10_000))
    assert few.shape == all_of_them.shape and few.max() == 1.0 and not np.allclose(few, all_of_them, atol=1e-3)


@pytest.mark.parametrize("way", ["layercam", "gradcam_plus_plus", "scorecam"])
def test_images_without_tags_have_no_maps(model, images, way):
    explainer = Explainer(model, way)
    assert explainer(images, []).shape == (2, *explainer(images[:1], [0]).shape[1:3], 0)


def test_layers_that_are_none(model):
    with pytest.raises(UserError, match=r"cam.layer=relu: the classifier has no such layer with maps; .*relu\d"):
        Explainer(model, "layercam", "relu")
    with pytest.raises(UserError, match="cam.layer=logits"):
        Explainer(model, "layercam", "logits")


def test_the_library_is_asked_for_by_name(monkeypatch):
    monkeypatch.setattr(explained.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"cam.maps=layercam: .* not installed; run: pip install 'tfwsss\[viz\]'"):
        check_library("cam.maps=layercam")
