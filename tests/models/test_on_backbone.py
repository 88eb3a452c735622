"""What the models on a backbone share."""

import keras
import numpy as np
import pytest

from tfwsss.backbones.small import small
from tfwsss.models.affinity import AffinityNet
from tfwsss.models.cian import CIAN
from tfwsss.models.classifier import Classifier
from tfwsss.models.icd import ICD
from tfwsss.models.segmenter import Segmenter

MODELS = {
    "ICD": lambda backbone: ICD(backbone, num_classes=3, head_width=4, accompanied=(1,), top_down_into_backbone=False),
    "Classifier": lambda backbone: Classifier(backbone, num_classes=3, root=True),
    "AffinityNet": lambda backbone: AffinityNet(backbone, widths=(8, 8, 8), radius=3, border="full"),
    "Segmenter": lambda backbone: Segmenter(backbone, num_ids=3, head="aspp", loss_at="grid", normaliser="batch",
                                            width=4, dropout=0.1),
    "CIAN": lambda backbone: CIAN(backbone, num_ids=3, group=3, filters=4, merge="mean", merge_self=False,
                                  similarity="cosine", cross=False, downsample=False),
}
IMAGE = np.random.default_rng(0).uniform(0, 255, (1, 17, 21, 3)).astype("float32")


@pytest.mark.parametrize("name", MODELS)
def test_the_backbone_comes_back_with_the_models_own_weights(name):
    backbone = small(width=0.1)
    model = MODELS[name](backbone)
    again = model.backbone
    assert again.name == "small" and sorted(again.output) == ["classifier", "features"]
    again.get_layer("conv1").kernel.assign(backbone.get_layer("conv1").kernel * 2)
    for key, value in backbone(IMAGE).items():
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(again(IMAGE)[key]), keras.ops.convert_to_numpy(value))


@pytest.mark.parametrize("name", MODELS)
def test_every_argument_is_saved(name):
    model = MODELS[name](small(width=0.1))
    config = model.get_config()
    again = type(model).from_config(config)
    assert {key: value for key, value in again.get_config().items() if key != "backbone"} == \
        {key: value for key, value in config.items() if key != "backbone"}
    assert [weight.path for weight in again.weights] == [weight.path for weight in model.weights]


@pytest.mark.parametrize("name", ["Classifier", "AffinityNet", "Segmenter"])
def test_what_else_a_batch_holds_is_not_read(name):
    model = MODELS[name](small(width=0.1))
    expected, found = model({"image": IMAGE}), model({"image": IMAGE, "labels": np.ones((1, 3)), "name": "x"})
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value)
