"""Both of AffinityNet's networks on ResNet-38, of full width, against what the original programs gave."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.support.arrays import channels_last, gradient_norms, recorded
from tests.support.memory import collect_what_is_large
from tests.support.psa import fill, worst
from tests.support.shared import shared_file
from tfwsss.backbones.resnet38 import resnet38
from tfwsss.models.affinity import AffinityNet
from tfwsss.models.classifier import Classifier

pytestmark = pytest.mark.large

BLOCKS = ("b2", "b3", "b4", "b4_5", "b5", "b5_2", "b6", "b7")


@pytest.fixture(scope="module")
def trunk():
    return resnet38()


def test_classifier_at_even_sizes_and_every_gradient_as_recorded(trunk):
    data, model = recorded("psa_grad_resnet38_cls"), Classifier(trunk, num_classes=20)
    names = fill(model, "resnet38_cls").filled
    image = ops.convert_to_tensor(data["images"].astype("float32"))

    def loss(y_pred=None):
        y_pred = y_pred or model({"image": image}, training=False)                 # recorded without dropout
        return model.compute_loss(None, {"labels": data["class_label"]}, y_pred)

    learnt = model.trainable_variables
    norms = dict(zip([names[weight.path] for weight in learnt], gradient_norms(loss, learnt), strict=True))
    collect_what_is_large()
    found = model({"image": image}, training=False)
    assert worst(found["logits"], data["logits"]) < 1e-4
    np.testing.assert_allclose(float(loss(found)), data["loss"], rtol=1e-5)
    expected = {name: norm for name, norm, learns in zip(data["param_names"], data["grad_norm"], data["requires_grad"],
                                                         strict=True) if learns}
    assert norms.keys() == expected.keys() and len(norms) == 36
    for name, norm in expected.items():
        np.testing.assert_allclose(norms[name], norm, rtol=1e-3, err_msg=name)


def test_affinities_as_recorded(trunk):
    data, model = recorded("psa_resnet38_aff"), AffinityNet(trunk)
    fill(model, "resnet38_aff")
    assert model.count_params() == 106_484_032 + 47_744 and len(model.trainable_weights) == 39
    layers = {**{block: f"{block}_add" for block in BLOCKS}, "conv1a": "conv1a", "bn7": "bn7", "f8_3": "f8_3",
              "f8_4": "f8_4", "f8_5": "f8_5", "f9": "f9", "normalise": "normalise", "f8_3_elu": "f8_3_elu",
              "f8_4_elu": "f8_4_elu", "f8_5_elu": "f8_5_elu"}
    out = keras.Model(model.input["image"], {**{key: model.get_layer(name).output for key, name in layers.items()},
                                             **model.output})(data["image"][None].astype("float32"))
    for name, recorded_numbers in zip(data["stat_names"], data["stat_values"], strict=True):
        if name in out:
            x = np.asarray(out[name])
            numbers = [x.mean(), np.abs(x).mean(), x.max(), x.min(), x[0, 0, 0, 0], x[0, -1, -1, -1]]
            np.testing.assert_allclose(numbers, recorded_numbers, atol=1e-4 * recorded_numbers[2], err_msg=name)
    released = out["affinity"][0, :9, 4:12]                    # of 13 x 16 positions
    np.testing.assert_allclose(ops.reshape(released, (72, 34)), data["aff"][0].T, atol=1e-5)
    whole = np.load(shared_file("fixtures/psa/resnet38_aff.npz"), allow_pickle=False)
    assert worst(out["normalise"], channels_last(whole["x"])) < 1e-6
    for key in ("f8_3", "f8_4", "f8_5"):
        assert worst(out[f"{key}_elu"], channels_last(whole[key])) < 1e-4, key
    assert worst(out["embedding"], channels_last(whole["f9"])) < 1e-4
