import keras
import numpy as np
import pytest
from keras import ops

from tests.ops.test_affinity import dense
from tests.support.arrays import gradient, recorded
from tests.support.fits import compiled
from tests.support.psa import fill
from tests.support.replicas import assert_one_step_equals_that_of_two, of_one_step
from tests.support.shared import shared_file
from tfwsss.backbones.mobilenet_v2 import mobilenet_v2
from tfwsss.backbones.resnet38 import resnet38
from tfwsss.backbones.resnet_v2 import resnet_v2
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.errors import UserError
from tfwsss.layers.path_affinity import PathAffinity
from tfwsss.models.affinity import AffinityNet, affinities
from tfwsss.ops.offsets import half_disc, pair_mask
from tfwsss.training.optimizers import SGD

MEAN = (122.675, 116.669, 104.008)


@pytest.fixture(scope="module")
def released():
    """VGG-16's network with the recorded weights."""
    model = AffinityNet(vgg16(form="affinitynet", fc6_dilation=4), group_norm=True)
    fill(model, "vgg16_aff")
    assert (model.count_params(), len(model.trainable_weights), len(model.weights)) == (21_045_952, 32, 40)
    return model


def test_vgg16_loss_and_gradient_as_recorded(released):
    data = recorded("psa_grad_resnet38_cls")                   # whose images and label maps all networks were given
    losses = []

    def loss():
        y_pred = released({"image": data["images"].astype("float32")}, training=False)
        losses.append(released.compute_loss(None, {"mask": data["label"].astype("int32")}, y_pred))
        return losses[0]

    found = gradient(loss, released.trainable_variables)
    np.testing.assert_allclose(float(losses[0]), 0.726580, atol=1e-5)
    terms = {mean.name: float(mean.result()) for mean in released.metrics if mean.name in ("background", "foreground",
                                                                                            "negative")}
    np.testing.assert_allclose([terms["background"], terms["foreground"], terms["negative"]],
                               [0.413125, 0.386199, 1.053499], atol=1e-5)
    assert all(np.any(one) for one in found) and len(found) == 32
    np.testing.assert_allclose(np.sqrt(sum(np.square(one).sum() for one in found)), 1.662070, rtol=1e-3)


def test_vgg16_affinities_as_recorded(released):
    data = np.load(shared_file("fixtures/psa/walk_vgg16_aff.npz"), allow_pickle=False)
    image = np.tile(np.float32(MEAN), (1, 104, 128, 1))        # padded with what becomes 0
    image[0, :97, :121] = data["image"]
    affinity = np.asarray(affinities(released)(image)["affinity"])[0]
    np.testing.assert_allclose(dense(affinity, half_disc(5)), data["aff_dense"], atol=1e-5)


def batch(count=2, side=33, grid=9):
    """Images of two colours, and a label map of the halves with an unknown edge."""
    random = np.random.default_rng(0)
    mask = np.full((count, grid, grid), 255, "int32")
    mask[:, :, :4], mask[:, :, 5:] = 0, 1
    image = random.uniform(0, 60, (count, side, side, 3))
    image[:, :, side // 2:] += 150
    return {"image": image.astype("float32"), "mask": mask}


def tiny(**settings):
    keras.utils.set_random_seed(1)
    return AffinityNet(small(width=0.2), **{"widths": (8, 8, 16), "radius": 3, "border": "full", **settings})


def fit(model, data, epochs):
    compiled(model, SGD(0.05, multipliers={"f8_*": 2, "f9": 2}), epochs)
    return model.fit(data, {"mask": data["mask"]}, batch_size=len(data["image"]), epochs=epochs, shuffle=False,
                     verbose=0).history


def test_learns_to_tell_halves_apart_and_logs_its_terms():
    model, data = tiny(), batch()
    history = fit(model, data, epochs=25)
    total = (np.array(history["background"]) + history["foreground"]) / 4 + np.array(history["negative"]) / 2
    np.testing.assert_allclose(history["loss"], total, rtol=1e-5)
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    right = half_disc(3).index((0, 2))
    affinity = np.asarray(model(data)["affinity"])[:, :, :, right]
    assert affinity[:, :, 3].mean() < 0.7 * affinity[:, :, 0].mean()         # across the edge, and within a half


@pytest.mark.parametrize("backbone", [
    lambda: resnet38(width=1 / 64), lambda: vgg16(width=1 / 16, head_channels=8, form="affinitynet"),
    lambda: mobilenet_v2(width=0.35, output_stride=8), lambda: mobilenet_v2(width=0.35, output_stride=16),
    lambda: small(width=0.2)])
@pytest.mark.parametrize("group_norm", [False, True])
def test_head_fits_every_backbone(backbone, group_norm):
    model = AffinityNet(backbone(), group_norm=group_norm, border="full")
    out = model({"image": np.random.default_rng(0).uniform(0, 255, (2, 65, 97, 3)).astype("float32")})
    assert out["embedding"].shape[-1] == 448 and out["affinity"].shape[-1] == 34
    assert out["affinity"].shape[:3] == out["embedding"].shape[:3] and 0 < np.max(out["affinity"]) <= 1
    names = {layer.name for layer in model.layers}
    assert {"f8_3", "f8_4", "f8_5", "f9"} <= names and ({"gn8_3", "gn8_4", "gn8_5"} <= names) == group_norm


@pytest.mark.parametrize(("depth", "form", "stride", "grid"), [
    (50, "mxnet", 8, (9, 13)), (101, "mxnet", 16, (5, 7)), (50, "keras", 8, (9, 13)), (101, "keras", 16, (5, 7))])
def test_taps_of_resnets_are_their_last_stages(depth, form, stride, grid):
    """Of one size; random weights without statistics grow with depth, so groups are normalised here."""
    model = AffinityNet(resnet_v2(depth, form=form, width=1 / 64, output_stride=stride), group_norm=True, border="full")
    assert [model.get_layer(f"f8_{number}").kernel.shape[2] for number in (3, 4, 5)] == [16, 32, 32]
    out = model({"image": np.random.default_rng(0).uniform(0, 255, (2, 65, 97, 3)).astype("float32")})
    assert out["affinity"].shape == (2, *grid, 34) and 0 < np.max(out["affinity"]) <= 1


def test_new_layers_start_as_published():
    model = AffinityNet(small())
    for name, fan_in in (("f8_3", 64), ("f8_4", 96), ("f8_5", 96)):
        np.testing.assert_allclose(np.std(model.get_layer(name).kernel), np.sqrt(2 / fan_in), rtol=0.05)
    kernel = np.abs(model.get_layer("f9").kernel)
    np.testing.assert_allclose(kernel.max(), 4 * np.sqrt(6 / 896), rtol=1e-3)


def test_taps_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match=r"backbone 'small' has no layer 'relu9'; .* relu6"):
        AffinityNet(small(width=0.1), taps=("relu4", "relu9", "relu6"))
    with pytest.raises(UserError, match=r"sizes \[\(32, 32\), \(16, 16\), \(16, 16\)\] for an image of 64 pixels"):
        AffinityNet(small(width=0.1), taps=("relu1", "relu5", "relu6"))
    with pytest.raises(UserError, match=r"no taps are known for backbone 'mine', only for vgg16, .*; name three"):
        AffinityNet(small(width=0.1, name="mine"))
    with pytest.raises(UserError, match="expected one size: choose later taps or a smaller output_stride"):
        AffinityNet(resnet_v2(50, width=1 / 64, output_stride=32))


@pytest.mark.parametrize("shape", [(2, 12, 9), (2, 9, 10), (2, 33, 33), (2, 1, 9), (2, 9, 9, 1)])
def test_masks_that_are_not_on_the_grid_are_refused(shape):
    """Also those that would be stretched over it in silence."""
    model, data = tiny(), {**batch(), "mask": np.zeros(shape, "int32")}
    words = f"received masks of the shape .*, {shape[1]}, {shape[2]}.*, expected .* of 9 x 9 positions"
    with pytest.raises(UserError, match=words):
        model.compute_loss(None, data, model(data))
    with pytest.raises(UserError, match="reduce masks of the image's size by batches.shrink.reduce_ids"):
        fit(model, data, epochs=1)


def test_affinities_of_paths_from_the_embedding():
    """All pairs of the map, of the network's own radius, whatever it was trained with."""
    model, data = tiny(border="released"), batch()
    found = affinities(model, paths=True)(data["image"])["affinity"]
    np.testing.assert_array_equal(found, PathAffinity(3)(model(data)["embedding"]))
    assert (np.asarray(found) > 0).sum() == 2 * np.asarray(pair_mask(9, 9, half_disc(3))).sum()
    assert (np.asarray(model(data)["affinity"]) > 0).sum() < (np.asarray(found) > 0).sum()


def test_saved_loaded_and_reduced_to_affinities_of_any_size(tmp_path):
    model, data = tiny(taps=("relu5", "relu6", "relu6"), group_norm=True), batch()
    model.get_layer("conv1").trainable = False
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert not again.get_layer("conv1").trainable and again.get_layer("conv2").trainable
    network = affinities(again)
    np.testing.assert_array_equal(network(data["image"])["affinity"], model(data)["affinity"])
    assert set(network.output) == {"affinity"}
    assert tuple(network(np.zeros((1, 18, 51, 3)))["affinity"].shape) == (1, 5, 13, 12)


def test_one_replica_equals_two_when_their_images_hold_unlike_numbers_of_pairs(strategy):
    image = np.random.default_rng(1).uniform(0, 255, (2, 9, 9, 3)).astype("float32")
    mask = np.tile(np.int32([0, 0, 1]), (2, 3, 1))
    mask[0, 2:] = 255
    assert_one_step_equals_that_of_two(strategy, lambda: of_one_step(tiny(radius=2)), {"image": image}, {"mask": mask})


def test_half_precision_trains_with_affinities_in_float32():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    model, data = tiny(group_norm=True), batch()
    assert np.isfinite(fit(model, data, epochs=3)["loss"]).all()
    assert {str(ops.dtype(value)) for value in model(data).values()} == {"float32"}
