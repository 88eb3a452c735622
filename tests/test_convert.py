"""`python -m tfwsss.convert`: from the file that people have to the file that training takes."""

import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.support.tiny_run import call
from tests.weights.foreign import NARROW, a_file_of, filled, in_mxnet, write_params, write_pth
from tests.weights.make_torch_files import RECORDED
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.resnet38 import resnet38
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.methods import affinitynet, icd
from tfwsss.settings.sections import BackboneSettings
from tfwsss.weights.convert import TARGETS
from tfwsss.weights.names import NETWORKS


def test_every_network_has_a_model_and_settings():
    assert TARGETS.keys() == NETWORKS.keys()
    sections = {**icd.Config.model_fields, **affinitynet.Config.model_fields}
    for setting in (setting for target in TARGETS.values() for setting in target.settings):
        section, *rest = setting.split(".")
        assert section in sections and rest == ["backbone", "initial"]


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_what_is_converted_starts_training(tmp_path, network):
    """Every number of the backbone arrives where `initial` puts it; the class count is the file's own."""
    source, file = a_file_of(network, tmp_path)
    out = tmp_path / "out.weights.h5"
    answer = call("convert", file, "--to", out, "--network", network, "--json")
    assert answer.code == 0, answer.err
    assert answer.err == "" and answer.result["network"] == network and answer.result["turned"] == (
        "conv1_1/0 from BGR to RGB" if network == "vgg16_icd_imagenet" else None)
    settings = BackboneSettings(name=network.split("_")[0], initial=out, width=NARROW)
    backbone = build_backbone(**settings.model_dump(), form="icd" if "icd" in network else "affinitynet")
    expected = {weight.path: np.array(weight) for weight in getattr(source, "backbone", source).weights}
    if network == "vgg16_icd_imagenet":
        expected["conv1_1/kernel"] = expected["conv1_1/kernel"][:, :, ::-1]
    assert {weight.path for weight in backbone.weights} == expected.keys()
    for weight in backbone.weights:
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


def test_the_network_is_told_by_the_names(tmp_path):
    model, file = a_file_of("resnet38_cls", tmp_path)
    answer = call("convert", file, "--to", tmp_path / "x.weights.h5")
    assert answer.code == 0
    assert answer.err == f"--network is not given; the names in {file} are those of resnet38_cls\n"
    lines = answer.out.splitlines()
    assert lines[0].split() == ["filled", "conv1a/kernel", "conv1a.weight", "1x3x3x3"]
    assert [line.split() for line in lines if "fc8" in line] == [["filled", "fc8/kernel", "fc8.weight", "3x64x1x1"]]
    assert lines[-3:] == [f"{tmp_path / 'x.weights.h5'}: the whole network of resnet38_cls; "
                          f"{len(model.weights)} filled, 0 left out, 0 fresh",
                          f"use: --set classifier.backbone.initial={tmp_path / 'x.weights.h5'}",
                          f"use: --set affinity.backbone.initial={tmp_path / 'x.weights.h5'}"]


def test_what_is_left_out_and_left_fresh_is_told_with_its_reason(tmp_path):
    _, file = a_file_of("vgg16_icd_imagenet", tmp_path)
    answer = call("convert", file, "--to", tmp_path / "x.weights.h5", "--network", "vgg16_icd_imagenet")
    lines = [re.split(r"  +", line) for line in answer.out.splitlines()]
    assert ["left out", "fc8_imagenet/0", "classifier of ImageNet's classes"] in lines
    assert ["fresh", "fc8/kernel", "the head is trained from scratch"] in lines
    assert "the backbone of vgg16_icd_imagenet; 34 filled, 2 left out, 9 fresh" in answer.out


@pytest.mark.parametrize("name", ["torch_zip.pth", "torch_legacy.pth", "mxnet_v2.params", "caffe_v1.caffemodel",
                                  "keras_tiny.h5"])
def test_inspect_lists_what_a_file_holds(name):
    expected = {"torch_zip.pth": ("state_dict.rounded", [2, 3], "float32", 24), "keras_tiny.h5":
                ("conv/vars/0", [3, 3, 3, 2], "float32", 6), "mxnet_v2.params": ("arg:i32", [1, 3], "int32", 3),
                "caffe_v1.caffemodel": ("fc6/0", [5, 4, 3, 3], "float32", 4),
                "torch_legacy.pth": ("state_dict.scalar", [], "float32", 24)}[name]
    *entry, count = expected
    result = call("convert", RECORDED / name, "--inspect", "--json").result
    assert result["file"] == str(RECORDED / name) and len(result["arrays"]) == count
    assert dict(zip(("name", "shape", "type"), entry, strict=True)) in result["arrays"]
    lines = call("convert", RECORDED / name, "--inspect").out.splitlines()
    assert lines[0].split() == ["name", "shape", "type"] and len(lines) == count + 2
    assert [entry[0], "x".join(map(str, entry[1])) or "number", entry[2]] in [line.split() for line in lines]


def test_inspect_loads_no_framework_and_steers_no_terminal(tmp_path):
    file = write_params(tmp_path / "x.params", {"arg:a\x1b[2Jb\nc": np.ones(2)})
    code = ("import sys; from tfwsss.convert import main; main(sys.argv[1:]); "
            "assert not {'tensorflow', 'keras', 'h5py'} & set(sys.modules)")
    done = subprocess.run([sys.executable, "-c", code, file, "--inspect"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split() == [r"arg:a\x1b[2Jb\nc", "2", "float32"]


def refused(answer, words):
    """Asserts that a command ended with one error, whose first line holds these words."""
    assert answer.code == 2 and answer.out == "" and "Traceback" not in answer.err, answer.err
    (error,) = answer.errors
    assert words in error, answer.err
    return answer.err


@pytest.mark.parametrize(("file", "more", "words"), [
    ("no such.pth", [], "no such.pth cannot be read (No such file or directory); check the path"),
    ("torch_module.pth", [], "it asks to call torch.nn.modules.linear.Linear (byte 2), which is code, not data"),
    ("torch_zip.pth", [], "its 24 names are those of no known network; name one by --network (resnet101_im"),
    ("torch_zip.pth", ["--network", "vgg16_clss"], "network 'vgg16_clss'; did you mean 'vgg16_cls'? known: res"),
    ("torch_zip.pth", ["--network", "lenet"], "no name rules for network 'lenet'; known: resnet101_imagenet, "),
    ("torch_zip.pth", ["--network", "vgg16_imagenet"], "does not fit vgg16_imagenet (30 missing, 22 unused)"),
    ("caffe_v1.caffemodel", [], "does not fit vgg16_imagenet (26 missing, 1 misshaped), nothing was loaded"),
])
def test_bad_files_and_names(tmp_path, file, more, words):
    refused(call("convert", RECORDED / file, "--to", tmp_path / "x.weights.h5", *more), words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["torch_zip.pth", "torch_legacy.pth", "mxnet_v2.params", "caffe_v1.caffemodel"])
def test_truncated_files(tmp_path, name):
    data = (RECORDED / name).read_bytes()
    (tmp_path / name).write_bytes(data[:len(data) * 2 // 3])
    refused(call("convert", tmp_path / name, "--inspect"), f"{tmp_path / name}: ")


def test_a_file_of_another_network(tmp_path):
    _, file = a_file_of("vgg16_cls", tmp_path)
    text = refused(call("convert", file, "--to", tmp_path / "x.weights.h5", "--network", "vgg16_aff"),
                   "vgg16_cls.pth does not fit vgg16_aff (10 missing, 1 unused), nothing was loaded; "
                   "its names look like those of 'vgg16_cls'")
    assert re.search(r"^  unused +fc8\.weight 3x1024x1x1 +no rule of vgg16_aff takes it$", text, re.MULTILINE)
    assert not (tmp_path / "x.weights.h5").exists()


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


def test_one_of_two_things_is_asked_for():
    for arguments in (["x.pth"], ["x.pth", "--inspect", "--to", "x.weights.h5"]):
        with pytest.raises(SystemExit) as stop:
            call("convert", *arguments)
        assert stop.value.code == 2
