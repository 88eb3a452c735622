"""From the file that people have to the file that training takes."""

import re

import keras
import numpy as np
import pytest

from tests.support.tiny_run import call, refused
from tests.weights.foreign import NARROW, a_file_of, filled, in_mxnet, write_params, write_pth
from tfwsss import methods
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.resnet38 import resnet38
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.settings.sections import BackboneSettings
from tfwsss.weights.convert import TARGETS
from tfwsss.weights.names import NETWORKS


def test_every_network_has_a_model_and_settings():
    assert TARGETS.keys() == NETWORKS.keys()
    sections = {key for name in ("icd", "affinitynet", "mcis", "seam", "clip_es")
                for key in methods.get(name).config.model_fields}
    for setting in (setting for target in TARGETS.values() for setting in target.settings):
        section, *rest = setting.split(".")
        assert section in sections and rest == ["backbone", "initial"]


@pytest.mark.parametrize("network", sorted(NETWORKS.keys() - {"torchvision_vgg16", "clip", "dinov2"}))
def test_what_is_converted_starts_training(tmp_path, network):
    """Every number of the backbone arrives where `initial` puts it; the class count is the file's own."""
    source, file = a_file_of(network, tmp_path)
    out = tmp_path / "out.weights.h5"
    answer = call("convert", file, "--to", out, "--network", network, "--json")
    assert answer.code == 0, answer.err
    assert answer.err == "" and answer.result["network"] == network and answer.result["turned"] == (
        "conv1_1/0 from BGR to RGB" if network == "vgg16_icd_imagenet" else None)
    name = network.removeprefix("torchvision_").split("_")[0]
    name += "_torch" if name.startswith("resnet") and network.startswith("torchvision") else ""
    form = next((form for form in ("icd", "mcis") if form in network), "affinitynet")
    settings = BackboneSettings(name=name, initial=out, width=NARROW)
    backbone = build_backbone(**settings.model_dump(), form=form)
    expected = {weight.path: np.array(weight) for weight in getattr(source, "backbone", source).weights}
    if network == "vgg16_icd_imagenet":
        expected["conv1_1/kernel"] = expected["conv1_1/kernel"][:, :, ::-1]
    assert {weight.path for weight in backbone.weights} == expected.keys()
    for weight in (weight for weight in backbone.weights if weight.path not in answer.result["fresh"] or "icd" in form):
        np.testing.assert_array_equal(np.array(weight), expected[weight.path], err_msg=weight.path)
    if hasattr(source, "backbone"):                            # heads and all
        source.load_weights(out)
        assert answer.result["saved"] == "model" and set(answer.result["filled"]) == {
            weight.path for weight in source.weights if not weight.path.endswith("step")}
    else:
        assert answer.result["saved"] == "backbone" and len(answer.result["left_out"]) in (1, 2, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([file.name, out.name])


def test_files_of_mxnet_see_red_first(tmp_path):
    model = filled(vgg16(width=NARROW))
    file = write_params(tmp_path / "vgg16.params", in_mxnet(model))
    answer = call("convert", file, "--to", tmp_path / "x.weights.h5", "--network", "vgg16_imagenet")
    assert "colours of the first kernel turned: arg:conv1_1_weight from RGB to BGR" in answer.out.splitlines()
    other = vgg16(width=NARROW, form="affinitynet")
    other.load_weights(tmp_path / "x.weights.h5")
    red, blue = (np.array(each.get_layer("conv1_1").kernel) for each in (model, other))
    np.testing.assert_array_equal(red, blue[:, :, ::-1])


def test_a_size_that_only_an_empty_array_can_claim_makes_no_large_network(tmp_path):
    file = write_pth(tmp_path / "x.pth", {"conv1_1.weight": np.zeros((2**40, 0, 3, 3)), "fc8.weight":
                                          np.zeros((2**40, 0, 1, 1))})
    text = refused(call("convert", file, "--to", tmp_path / "x.weights.h5", "--network", "vgg16_cls"), "2 misshaped")
    assert re.search(r"misshaped +conv1_1/kernel 3x3x3x64 +conv1_1.weight has 1099511627776x0x3x3", text)


def test_where_the_result_may_stand(tmp_path):
    _, file = a_file_of("resnet38_imagenet", tmp_path)
    out = tmp_path / "x.weights.h5"
    for wrong, words in ((tmp_path / "x.h5", f"ends in .weights.h5; try {out}"),
                         (tmp_path / "no" / "x.weights.h5", f"no folder {tmp_path / 'no'}; make it first"),
                         (tmp_path / "d.weights.h5", "is a folder; name a file")):
        (tmp_path / "d.weights.h5").mkdir(exist_ok=True)
        refused(call("convert", file, "--to", wrong, "--network", "resnet38_imagenet", "--force"), words)
    out.write_text("mine")
    call_ = ["convert", file, "--to", out, "--network", "resnet38_imagenet"]
    refused(call(*call_), f"--to {out}: exists already; name another file, or replace it by --force")
    assert out.read_text() == "mine"
    assert call(*call_, "--force").code == 0
    resnet38(width=NARROW).load_weights(out)


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    _, file = a_file_of("resnet38_imagenet", tmp_path)
    out = tmp_path / "x.weights.h5"
    out.write_text("mine")

    def half(model, path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save_weights", half)
    refused(call("convert", file, "--to", out, "--network", "resnet38_imagenet", "--force"), "No space left on device")
    assert out.read_text() == "mine" and {path.name for path in tmp_path.iterdir()} == {out.name, file.name}
