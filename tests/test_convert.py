"""`python -m tfwsss.convert`: what it prints, and what it refuses."""

import re
import subprocess
import sys

import numpy as np
import pytest

from tests.support.patience import PATIENCE
from tests.support.tiny_run import call, refused
from tests.weights.foreign import a_file_of, write_params
from tests.weights.make_torch_files import RECORDED


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
    done = subprocess.run([sys.executable, "-c", code, file, "--inspect"], capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split() == [r"arg:a\x1b[2Jb\nc", "2", "float32"]


@pytest.mark.parametrize(("file", "more", "words"), [
    ("no such.pth", [], "no such.pth cannot be read (No such file or directory); check the path"),
    ("torch_module.pth", [], "it asks to call torch.nn.modules.linear.Linear (byte 2), which is code, not data"),
    ("torch_zip.pth", [], "its 24 names are those of no known network; name one by --network (clip, din"),
    ("torch_zip.pth", ["--network", "vgg16_clss"], "network 'vgg16_clss'; did you mean 'vgg16_cls'? known: clip"),
    ("torch_zip.pth", ["--network", "lenet"], "no name rules for network 'lenet'; known: clip, dinov2, resnet101_"),
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


def test_one_of_two_things_is_asked_for():
    for arguments in (["x.pth"], ["x.pth", "--inspect", "--to", "x.weights.h5"]):
        with pytest.raises(SystemExit) as stop:
            call("convert", *arguments)
        assert stop.value.code == 2
