"""Narrow networks, written as those who released them would: the files that `python -m tfwsss.convert` reads."""

import re

import numpy as np

from tests.support import psa
from tests.weights.formats.test_caffe import blob, layer
from tests.weights.formats.test_mxnet import V2, one_array, params
from tests.weights.formats.test_torch import Storage, pickled, tensor, write_zip
from tfwsss.backbones.resnet38 import resnet38
from tfwsss.backbones.resnet_v1 import resnet_v1
from tfwsss.backbones.resnet_v2 import resnet_v2
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.models.affinity import AffinityNet
from tfwsss.models.classifier import Classifier
from tfwsss.models.icd import ICD
from tfwsss.models.seam import SEAM

NARROW = 1 / 64
THEIRS = {"kernel": "weight", "moving_variance": "moving_var"}


def write_pth(path, arrays):
    """Writes float32 arrays as PyTorch does."""
    arrays = {name: np.ascontiguousarray(array, "<f4") for name, array in arrays.items()}
    value = {name: tensor(Storage("Float", str(key), array.size), 0, array.shape,
                          tuple(stride // 4 for stride in array.strides))
             for key, (name, array) in enumerate(arrays.items())}
    storages = {f"data/{key}": array.tobytes() for key, array in enumerate(arrays.values())}
    return write_zip(path, pickled(value), storages)


def write_params(path, arrays):
    """Writes float32 arrays as MXNet does."""
    path.write_bytes(params([one_array(V2, array.shape, array.astype("<f4").tobytes()) for array in arrays.values()],
                            list(arrays)))
    return path


def write_caffemodel(path, arrays):
    """Writes kernels and biases, named `layer/0` and `layer/1`, as Caffe does."""
    layers = dict.fromkeys(name.rpartition("/")[0] for name in arrays)
    path.write_bytes(b"".join(layer(*(blob(arrays[f"{name}/{place}"].ravel(), arrays[f"{name}/{place}"].shape)
                                      for place in (0, 1)), name=name.encode()) for name in layers))
    return path


def filled(model):
    """Gives every variable of a model numbers of its own; the model."""
    for number, weight in enumerate(model.weights):
        if not weight.path.endswith("step"):
            weight.assign(np.random.default_rng(number).uniform(0.5, 1.5, weight.shape).astype(np.float32))
    return model


def by_layer(model):
    """Returns (layer, leaf, array), arrays as all three packages lay them out: (out, in, row, column)."""
    for weight in model.weights:
        if not weight.path.endswith("step"):
            value, (name, leaf) = np.array(weight), weight.path.split("/")[-2:]
            turned = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T if leaf == "kernel" else value
            yield name, leaf, turned


def in_mxnet(model):
    """Returns a model's arrays under the names that MXNet's files have, ICD's and ResNet-38's."""
    arrays = {}
    for name, leaf, value in by_layer(model):
        block = re.fullmatch(r"b(\d)(?:_(\d))?_(conv|bn)_(branch\w+)", name)
        if block:
            level, further, kind, branch = block.groups()
            name = f"{'res' if kind == 'conv' else 'bn'}{level}{f'b{further}' if further else 'a'}_{branch}"
        arrays[f"{'aux' if leaf.startswith('moving') else 'arg'}:{name}_{THEIRS.get(leaf, leaf)}"] = value
    return arrays


def in_caffe(model):
    """Returns a model's kernels and biases under the names that Caffe's files get."""
    return {f"{name}/{int(leaf == 'bias')}": value for name, leaf, value in by_layer(model)}


def in_torchvision(model):
    """Returns a model's arrays under torchvision's names, with a classifier of five classes and a count of steps."""
    arrays = {}
    leaves = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
              "moving_variance": "running_var"}
    places = iter((0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28))
    convolutions = {layer.name: f"features.{next(places)}" for layer in model.layers
                    if re.fullmatch(r"conv\d_\d", layer.name)}
    for name, leaf, value in by_layer(model):
        block = re.fullmatch(r"(layer\d)_(\d+)_(downsample_)?(conv|bn)(\d?)", name)
        if block:
            stage, unit, down, kind, number = block.groups()
            name = f"{stage}.{unit}.{('downsample.' + str(int(kind == 'bn'))) if down else kind + number}"
        elif name.startswith(("fc", "extra")):
            continue
        arrays[f"{convolutions.get(name, name)}.{leaves[leaf]}"] = value
    last = "classifier.6" if convolutions else "fc"
    return arrays | {f"{last}.weight": np.ones((5, 32)), f"{last}.bias": np.ones(5)} | (
        {} if convolutions else {"bn1.num_batches_tracked": np.ones(())})


def psa_network(network):
    """Returns a narrow network of AffinityNet and the state that its release would hold."""
    vgg = network.startswith("vgg16")
    if network.endswith("seam"):
        model = SEAM(resnet38(width=NARROW), num_classes=3, widths=(8, 8, 16))
    elif network.endswith("cls"):
        model = Classifier(vgg16(width=NARROW, form="affinitynet") if vgg else resnet38(width=NARROW), num_classes=3)
    else:
        backbone = vgg16(width=NARROW, form="affinitynet", fc6_dilation=4) if vgg else resnet38(width=NARROW)
        model = AffinityNet(backbone, widths=(8, 8, 16), group_norm=vgg)
    psa.fill(model, network)
    return model, psa.state(model, network)


def a_file_of(network, folder):
    """Writes a narrow network as its release would be; returns (the model, the file)."""
    if network.endswith(("cls", "aff", "seam")):
        model, arrays = psa_network(network)
        return model, write_pth(folder / f"{network}.pth", arrays)
    if network == "vgg16_icd":
        model = filled(ICD(vgg16(width=NARROW), num_classes=3, head_width=8))
        return model, write_params(folder / f"{network}.params", in_mxnet(model))
    if network == "resnet38_imagenet":
        model = filled(resnet38(width=NARROW))
        return model, write_params(folder / f"{network}.params",
                                   in_mxnet(model) | {"arg:linear1000_weight": np.ones((5, 64))})
    if network.startswith("torchvision_"):
        vgg = "vgg16" in network
        model = filled(vgg16(width=NARROW, form="mcis" if "mcis" in network else "affinitynet", head_channels=8) if vgg
                       else resnet_v1(int(network.removeprefix("torchvision_resnet")), width=NARROW))
        return model, write_pth(folder / f"{network}.pth", in_torchvision(model))
    if network in ("resnet50_imagenet", "resnet101_imagenet"):
        model = filled(resnet_v2(int(network.split("_")[0].removeprefix("resnet")), width=NARROW))
        return model, write_params(folder / f"{network}.params", in_mxnet(model) | {
            "arg:bn_data_gamma": np.full(3, 2.0), "arg:fc1_weight": np.ones((5, 32)), "arg:fc1_bias": np.ones(5)})
    model = filled(vgg16(width=NARROW, form="affinitynet"))    # vgg16_20M: blue first
    return model, write_caffemodel(folder / f"{network}.caffemodel",
                                   in_caffe(model) | {"fc8_imagenet/0": np.ones((5, 8)), "fc8_imagenet/1": np.ones(5)})
