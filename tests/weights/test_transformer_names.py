"""Files of CLIP and DINOv2 under every name that people have them by."""

import re

import keras
import numpy as np
import pytest

from tests.support import clip as recorded
from tests.support.tiny_run import call, refused
from tests.weights.foreign import write_pth
from tests.weights.formats.test_safetensors import save
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.transformer import BlockForm
from tfwsss.backbones.vit import FORMS, vit
from tfwsss.models.clip import TextForm, clip
from tfwsss.weights.assign import assign
from tfwsss.weights.names import NETWORKS, likely_network

LISTS = {"names_clip_vit_base_patch16": ("clip", 398), "names_openai_vit_b_16": ("clip", 302),
         "names_dinov2_small": ("dinov2", 223)}


@pytest.mark.parametrize("listed", LISTS)
def test_every_array_of_the_published_file_has_one_place_of_its_shape(listed):
    network, count = LISTS[listed]
    shapes = recorded.names(listed)
    assert likely_network(shapes) == network and len(shapes) == count
    arrays = {name: np.broadcast_to(np.float32(0.5), shape) for name, shape in shapes.items()}
    model = clip() if network == "clip" else vit("dinov2_small")
    account = assign(model, arrays, network)
    assert set(account.filled) == {weight.path for weight in model.weights} and not account.fresh
    assert set(account.left_out) == ({"embeddings.mask_token"} if network == "dinov2" else set())


def in_openais_words(arrays):
    """Renames and joins arrays as OpenAI's file has them."""
    layers = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
              "self_attn.out_proj": "attn.out_proj"}
    single = {"vision_model.embeddings.class_embedding": "visual.class_embedding",
              "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
              "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
              "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
              "text_model.embeddings.position_embedding.weight": "positional_embedding"}
    norms = {"vision_model.pre_layrnorm": "visual.ln_pre", "vision_model.post_layernorm": "visual.ln_post",
             "text_model.final_layer_norm": "ln_final"}
    found = {"visual.proj": arrays["visual_projection.weight"].T, "text_projection": arrays["text_projection.weight"].T,
             "logit_scale": arrays["logit_scale"], "input_resolution": np.float32(224)}
    for name, array in arrays.items():
        block = re.fullmatch(r"(vision|text)_model\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
        if block:
            tower, number, layer, leaf = block.groups()
            before = f"{'visual.' if tower == 'vision' else ''}transformer.resblocks.{number}."
            if layer == "self_attn.q_proj":
                both = [arrays[name.replace("q_proj", f"{letter}_proj")] for letter in "qkv"]
                found[f"{before}attn.in_proj_{leaf}"] = np.concatenate(both)
            elif layer in layers:
                found[f"{before}{layers[layer]}.{leaf}"] = array
        elif name in single:
            found[single[name]] = array
        else:
            layer, _, leaf = name.rpartition(".")
            found |= {f"{norms[layer]}.{leaf}": array} if layer in norms else {}
    return found


def in_metas_words(arrays):
    """Renames and joins arrays as DINOv2's own file has them."""
    single = {"embeddings.cls_token": "cls_token", "embeddings.mask_token": "mask_token",
              "embeddings.position_embeddings": "pos_embed",
              "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
              "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
              "layernorm.weight": "norm.weight", "layernorm.bias": "norm.bias"}
    found = {}
    for name, array in arrays.items():
        block = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)", name)
        if name in single:
            found[single[name]] = array
        elif "attention.attention.query" in name:
            both = [arrays[name.replace("query", role)] for role in ("query", "key", "value")]
            found[f"blocks.{block[1]}.attn.qkv.{name.rpartition('.')[2]}"] = np.concatenate(both)
        elif "attention.attention" not in name:
            own = block[2].replace("attention.output.dense", "attn.proj")
            own = re.sub(r"layer_scale(.)\.lambda1", r"ls\1.gamma", own)
            found[f"blocks.{block[1]}.{own}"] = array
    return found


@pytest.mark.parametrize(("network", "words"), [("clip", None), ("clip", in_openais_words), ("dinov2", None),
                                                ("dinov2", in_metas_words)])
def test_what_is_converted_gives_the_recorded_numbers(tmp_path, network, words):
    """From the file that people have to tokens: safetensors as transformers writes it, .pth in the own words."""
    arrays = recorded.weights(f"names_reduced_{network}")
    if words is None:
        file = save(tmp_path / "model.safetensors", {**arrays, **({"text_model.embeddings.position_ids": np.arange(77)}
                                                                  if network == "clip" else {})})
    else:
        file = write_pth(tmp_path / "weights.pth", words(arrays))
    listed = call("convert", file, "--inspect", "--json")
    assert listed.result["network"] == network and len(listed.result["arrays"]) > 50
    out = tmp_path / "out.weights.h5"
    answer = call("convert", file, "--to", out, "--json")
    assert answer.code == 0, answer.err
    made = clip(recorded.CLIP_FORM, recorded.TEXT_FORM, recorded.CHANNELS) if network == "clip" else \
        vit(recorded.DINOV2_FORM, corners=False)
    made.load_weights(out)
    data = recorded.arrays(f"vit_{network}_resized")
    tower = made if network == "dinov2" else keras.Model(made.input["image"], made.get_layer("norm").output)
    found = np.array(tower(data["image"][None].astype("float32"))["features"]).reshape(-1, 48) if network == "dinov2" \
        else np.array(tower(data["image"][None].astype("float32")))[0, 1:]
    np.testing.assert_allclose(found, np.squeeze(data["output"])[1:], atol=1e-4)


def test_one_file_of_clip_fills_the_image_tower_alone(tmp_path):
    width = FORMS["clip_b16"].narrowed(1 / 64)
    whole = clip(width, TextForm(BlockForm(8, 2, causal=True), 1, tokens=11), 6)
    whole.save_weights(tmp_path / "clip.weights.h5")
    tower = build_backbone("clip_b16", tmp_path / "clip.weights.h5", width=1 / 64)
    for weight in tower.weights:
        layer, _, leaf = weight.path.partition("/")
        np.testing.assert_array_equal(weight, getattr(whole.get_layer(layer), leaf), err_msg=weight.path)
    assert not tower.trainable_weights


def test_a_file_of_another_tower_is_told(tmp_path):
    arrays = dict(recorded.weights("names_reduced_clip"))
    del arrays["vision_model.post_layernorm.bias"]
    arrays["vision_model.encoder.layers.3.mlp.fc1.weight"] = np.zeros((256, 63), np.float32)
    file = save(tmp_path / "x.safetensors", arrays)
    text = refused(call("convert", file, "--to", tmp_path / "x.weights.h5", "--network", "clip"),
                   "does not fit clip (1 missing, 1 misshaped)")
    assert "norm/beta" in text and "block3_hidden/kernel 64x256" in text
    refused(call("convert", file, "--to", tmp_path / "x.weights.h5", "--network", "dinov2"),
            "its names look like those of 'clip'")
    assert "clip" in NETWORKS and "dinov2" in NETWORKS
