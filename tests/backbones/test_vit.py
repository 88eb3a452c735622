import keras
import numpy as np
import pytest

from tests.support import clip as recorded
from tfwsss.backbones.vit import FORMS, ViTForm, attention_means, vit

CASES = [("vit_clip_native", "clip"), ("vit_clip_resized", "clip"), ("vit_clip_smaller", "clip"),
         ("vit_dinov2_native", "dinov2"), ("vit_dinov2_resized", "dinov2")]


def seen(case: str, network: str) -> tuple[dict, keras.Model, dict]:
    """Returns recorded arrays, the network, and what it says of the picture layer by layer."""
    data = recorded.arrays(case)
    whole = recorded.reduced_clip() if network == "clip" else recorded.reduced_dinov2()
    form = recorded.CLIP_FORM if network == "clip" else recorded.DINOV2_FORM
    image = whole.input["image"] if network == "clip" else whole.input
    layers = {layer.name: layer for layer in whole.layers}
    start = "first_norm" if form.first_norm else "tokens"
    outputs = {"x": layers["subtract_mean"].output, "embedded": layers[start].output,
               "tokens": [layers[f"block{number}_sum2"].output for number in range(form.depth)],
               "attention": [mean for mean in attention_means(whole) if mean.shape[1] is None],
               "output": layers["norm"].output}
    if network == "clip":
        outputs["image"] = whole.output["image"]
    found = keras.Model(image, outputs)(data["image"][None].astype("float32"))
    return data, whole, keras.tree.map_structure(lambda each: np.array(each[0]), found)


@pytest.mark.parametrize(("case", "network"), CASES)
def test_tokens_and_attention_are_those_of_pytorch(case, network):
    data, whole, found = seen(case, network)
    np.testing.assert_allclose(np.moveaxis(found["x"], -1, 0), data["x"], atol=1e-5)
    grid = [side // (16 if network == "clip" else 14) for side in data["image"].shape[:2]]
    np.testing.assert_allclose(whole.get_layer("tokens").table(*grid), data["position"].reshape(-1, found[
        "embedded"].shape[-1]), atol=1e-5)
    np.testing.assert_allclose(found["embedded"], data["embedded"].reshape(found["embedded"].shape), atol=1e-4)
    for number, (tokens, attention) in enumerate(zip(found["tokens"], found["attention"], strict=True)):
        np.testing.assert_allclose(tokens, np.squeeze(data["tokens"][number]), atol=1e-4, err_msg=str(number))
        np.testing.assert_allclose(attention, np.squeeze(data["attention"][number]), atol=1e-5, err_msg=str(number))
    np.testing.assert_allclose(found["output"], np.squeeze(data["output"]), atol=1e-4)
    if network == "clip":
        np.testing.assert_allclose(found["image"], np.squeeze(data["class_embedding_projected"]), atol=1e-4)


@pytest.mark.parametrize("case", [case for case, network in CASES if network == "clip"])
def test_each_head_of_the_first_block(case):
    data, whole, found = seen(case, "clip")
    layers = {role: whole.get_layer(f"block0_{role}") for role in ("norm1", "query", "key", "attention")}
    normalised = layers["norm1"](found["embedded"][None])
    heads = layers["attention"].weights_of_heads(layers["query"](normalised), layers["key"](normalised))
    np.testing.assert_allclose(np.squeeze(heads), np.squeeze(data["first_block_heads"]), atol=1e-5)


@pytest.mark.parametrize(("name", "weights"), [("clip_b16", 85_799_424), ("dinov2_small", 22_056_192)])
def test_published_sizes(name, weights):
    """CLIP's image tower without projection; DINOv2 without the mask token, which nothing reads."""
    listed = recorded.names("names_clip_vit_base_patch16" if name == "clip_b16" else "names_dinov2_small")
    counted = sum(int(np.prod(shape)) for key, shape in listed.items()
                  if "mask_token" not in key and (name != "clip_b16" or key.startswith("vision_model.")))
    assert counted == weights == sum(int(np.prod(weight.shape)) for weight in vit(name).weights)


@pytest.mark.parametrize("name", FORMS)
def test_maps_of_any_size(name):
    model, patch = vit(name, width=1 / 64), FORMS[name].patch
    for rows, columns in ((patch, 2 * patch), (patch + 1, 3 * patch - 1), (5, 7)):
        maps = model(np.zeros((1, rows, columns, 3), "float32"))
        assert {tuple(value.shape[1:3]) for value in maps.values()} == {(-(-rows // patch), -(-columns // patch))}


def test_patches_lie_round_their_pixels_where_corners_count():
    """A change of one pixel reaches the nearest position the most: those of both grids differ by half a patch."""
    image = np.full((1, 65, 65, 3), 120, "float32")
    for corners, place in ((True, 2), (False, 1)):
        keras.utils.set_random_seed(0)
        model = vit("clip_b16", width=1 / 16, corners=corners)
        patches = keras.Model(model.input, model.get_layer("patches").output)
        changed = image.copy()
        changed[:, 30, 30] = 0          # 1.9 patches from the first pixel
        away = np.abs(np.array(patches(changed)) - np.array(patches(image))).sum(-1)[0]
        assert away.shape == (5, 5)
        assert tuple(np.argwhere(away > 0)[0]) == (place, place) and np.count_nonzero(away) == 1


def test_forms_are_json():
    for form in FORMS.values():
        assert ViTForm.from_config(form.get_config()) == form
