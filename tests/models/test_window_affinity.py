import keras
import numpy as np
import pytest
from keras import ops

from tests.support.fits import compiled
from tests.support.replicas import assert_one_step_equals_that_of_two, of_one_step
from tfwsss.backbones.initial import load_initial
from tfwsss.backbones.mobilenet_v2 import mobilenet_v2
from tfwsss.backbones.resnet38 import resnet38
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.errors import UserError
from tfwsss.losses.window_affinity import WindowAffinityLoss, gated_distance
from tfwsss.models.affinity import AffinityNet
from tfwsss.models.window_affinity import WindowAffinityNet, graph_network
from tfwsss.ops.affinity import feature_affinity
from tfwsss.ops.offsets import half_window, pair_mask
from tfwsss.ops.window_kernel import window_kernel
from tfwsss.training.optimizers import SGD

TERMS = ("background", "foreground", "negative", "crf")


def batch(side=32, grid=8):
    """Images of two colours, seeds of the halves with an unknown edge, and a crop's lower end that shows nothing."""
    random = np.random.default_rng(0)
    mask = np.full((2, grid, grid), 255, "int32")
    mask[:, :-2, :3], mask[:, :-2, 4:] = 0, 1
    inside = np.ones((2, grid, grid), "int32")
    inside[:, -2:] = 0
    image = random.uniform(0, 60, (2, side, side, 3))
    image[:, :, side // 2:] += 150
    image[:, -side // 4:] = 255
    return {"image": image.astype("float32")}, {"mask": mask, "inside": inside}


def tiny(**settings):
    keras.utils.set_random_seed(1)
    return WindowAffinityNet(small(width=0.2), **{"widths": (8, 8, 16), "radius": 2, **settings})


def test_loss_is_that_of_seeds_and_of_the_image_where_the_crop_shows_it():
    model, (x, y) = tiny(mask_border=True, crf_weight=0.5), batch()
    y_pred = model(x)
    features = y_pred["embedding"]
    # the mean of the four pixels around the middle of each cell of 4, normalised by ImageNet's colours
    cells = x["image"].reshape(2, 8, 4, 8, 4, 3)[:, :, 1:3, :, 1:3].mean((2, 4))
    image = (cells / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    loss = WindowAffinityLoss(2, mask_border=True)
    distance = loss.distance(features)
    crf = np.mean(gated_distance(window_kernel(image.astype("float32"), 2, inside=y["inside"]), distance))
    terms = np.mean(loss.terms(y["mask"], features, distance), axis=0)
    total = terms @ [0.25, 0.25, 0.5] + 0.5 * crf
    np.testing.assert_allclose(float(model.compute_loss(x, y, y_pred)), total, rtol=1e-4)
    noted = {mean.name: float(mean.result()) for mean in model.metrics if mean.name in TERMS}
    np.testing.assert_allclose([noted[name] for name in TERMS], [*terms, crf], rtol=1e-4)
    assert crf > 1e-4 and (terms > 1e-4).all()


def test_learns_to_tell_halves_apart():
    model, (x, y) = tiny(), batch()
    compiled(model, SGD(0.05, multipliers={"f8_*": 2, "f9": 2}))
    history = model.fit(x, y, batch_size=2, epochs=25, shuffle=False, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    affinity = np.asarray(graph_network(model, 2)(x["image"])["affinity"])[:, :5, :, half_window(2).index((0, 2))]
    assert affinity[:, :, 3].mean() < 0.7 * affinity[:, :, 0].mean()         # across the edge, and within a half


@pytest.mark.parametrize("backbone", [
    lambda: resnet38(width=1 / 64), lambda: vgg16(width=1 / 16, head_channels=8, form="affinitynet"),
    lambda: mobilenet_v2(width=0.35, output_stride=8), lambda: small(width=0.2)])
def test_graphs_of_every_backbone_and_radius(backbone):
    backbone = backbone()
    model = WindowAffinityNet(backbone, widths=(2, 4, 8), group_norm=True)
    image = np.random.default_rng(0).uniform(0, 255, (2, 65, 97, 3)).astype("float32")
    taps = keras.Model(backbone.input, [backbone.get_layer(tap).output for tap in model.taps])(image)
    embedding = model({"image": image})["embedding"]
    for radius in (1, 3):
        out, half = graph_network(model, radius)(image), half_window(radius)
        np.testing.assert_allclose(out["features"], np.maximum(np.concatenate(taps, axis=-1), 0), atol=1e-5)
        expected = feature_affinity(embedding, half) * pair_mask(*embedding.shape[1:3], half)
        np.testing.assert_allclose(out["affinity"], expected, atol=1e-5)


def test_saved_and_loaded(tmp_path):
    model, (x, _) = tiny(taps=("relu5", "relu6", "relu6"), crf_weight=1.0), batch()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert (again.radius, again.crf_weight, again.taps) == (2, 1.0, ("relu5", "relu6", "relu6"))
    for key, value in graph_network(again, 4)(x["image"]).items():
        np.testing.assert_array_equal(value, graph_network(model, 4)(x["image"])[key])


def test_starts_from_affinitynets_features_as_the_released_program_does(tmp_path):
    trained, (x, _) = AffinityNet(small(width=0.2), widths=(8, 8, 16)), batch()
    trained.save(tmp_path / "model.keras")
    model = tiny()
    assert np.abs(np.subtract(model(x)["embedding"], trained(x)["embedding"])).max() > 0.01
    assert load_initial(model, tmp_path / "model.keras") == ()
    np.testing.assert_array_equal(model(x)["embedding"], trained(x)["embedding"])


@pytest.mark.parametrize("key", ["mask", "inside"])
def test_what_is_not_on_the_grid_is_refused(key):
    model, (x, y) = tiny(), batch()
    with pytest.raises(UserError, match=r"received masks of the shape \(2, 9, 8\), expected .* of 8 x 8 positions"):
        model.compute_loss(x, {**y, key: np.zeros((2, 9, 8), "int32")}, model(x))


def test_one_replica_equals_two_when_their_images_hold_unlike_numbers_of_pairs(strategy):
    image = np.random.default_rng(5).uniform(100, 112, (2, 9, 9, 3)).astype("float32")
    mask, inside = np.tile(np.int32([0, 0, 1]), (2, 3, 1)), np.ones((2, 3, 3), "int32")
    mask[0, 2:], inside[1, 2:] = 255, 0
    assert_one_step_equals_that_of_two(strategy, lambda: of_one_step(tiny()), {"image": image},
                                       {"mask": mask, "inside": inside})


def test_half_precision_trains_with_the_graph_in_float32():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    model, (x, y) = tiny(group_norm=True), batch()
    compiled(model, SGD(0.05), steps=2)
    assert np.isfinite(model.fit(x, y, batch_size=2, epochs=2, verbose=0).history["loss"]).all()
    assert {str(ops.dtype(value)) for value in graph_network(model, 1)(x["image"]).values()} == {"float32"}
