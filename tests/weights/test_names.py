import json
import re

import pytest

from tests.support.shared import shared_file
from tfwsss.errors import UserError
from tfwsss.weights.names import NETWORKS, likely_network, network_named
from tfwsss.weights.rules import LAYOUTS, Network, Rule


def test_the_first_rule_counts():
    network = Network((Rule("a.*", ("first",)), Rule("ab", ("second",))))
    assert network.rule_for("ab").targets == ("first",) and network.rule_for("b") is None


def test_groups_and_wrappers_are_expanded():
    rules = network_named("resnet38_cls")
    for name in ("b2_1.conv_branch2a.weight", "module.b2_1.conv_branch2a.weight",
                 "state_dict.module.b2_1.conv_branch2a.weight"):
        assert rules.rule_for(name).places(name) == ("b2_1_conv_branch2a/kernel",)


def test_one_array_may_fill_two_variables():
    rules = network_named("vgg16_icd_imagenet")
    for name in ("arg:fc6_weight", "fc6/0", "fc6.weight"):
        assert rules.rule_for(name).places(name) == ("fc6/kernel", "fc6_ft/kernel")


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_rules_are_sound(network):
    for rule in NETWORKS[network].rules:
        re.compile(rule.source)
        assert rule.layout in LAYOUTS
        assert bool(rule.targets) != bool(rule.why), f"{rule.source}: goes somewhere, or has a reason not to"
    assert all(why for _, why in NETWORKS[network].fresh)


@pytest.mark.parametrize("network", ["vgg16_cls", "vgg16_aff", "resnet38_cls", "resnet38_aff"])
def test_every_tensor_of_the_original_has_one_place(network):
    manifest = json.loads(shared_file(f"fixtures/psa/manifest_{network}.json").read_text())
    places = {}
    for name, _ in manifest["shapes"]:
        rule = NETWORKS[network].rule_for(name)
        assert rule is not None, name
        for place in rule.places(name):
            assert place not in places, f"{name} and {places.get(place)} both fill {place}"
            places[place] = name
    counts = {"vgg16_cls": 31, "vgg16_aff": 40, "resnet38_cls": 43 + 1 + 4 * 37, "resnet38_aff": 43 + 4 + 4 * 37}
    assert len(places) == counts[network]


def test_mxnets_names_of_resnet38_reach_the_same_places():
    manifest = json.loads(shared_file("fixtures/psa/manifest_resnet38_cls.json").read_text())
    torch, mxnet = NETWORKS["resnet38_cls"], NETWORKS["resnet38_imagenet"]
    leaves = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_var"}
    reached = 0
    for name, _ in manifest["shapes"]:
        *block, module, leaf = name.split(".")
        if leaf == "num_batches_tracked" or module == "fc8":
            continue
        stem = re.sub(r"^b(\d)_(\d)$", r"\1b\2", block[0]) if block else ""
        stem = re.sub(r"^b(\d)$", r"\1a", stem)
        if module == "conv1a":
            theirs = "arg:conv1a_weight"
        elif module.startswith("conv_"):
            theirs = f"arg:res{stem}_{module[5:]}_weight"
        else:
            room = "aux" if leaf.startswith("running") else "arg"
            theirs = f"{room}:bn{stem}_{module[3:]}_{leaves[leaf]}" if block else f"{room}:bn7_{leaves[leaf]}"
        assert mxnet.rule_for(theirs).places(theirs) == torch.rule_for(name).places(name), (name, theirs)
        reached += 1
    assert reached == 191


def test_the_likely_network():
    manifest = json.loads(shared_file("fixtures/psa/manifest_resnet38_aff.json").read_text())
    assert likely_network([name for name, _ in manifest["shapes"]]) == "resnet38_aff"
    names = [name for name, _ in manifest["shapes"] if not name.startswith("f8_5")]
    assert likely_network([*names, "fc8.weight"]) == "resnet38_seam"
    assert likely_network(["arg:icd_bu_weight", "arg:feat_bn_beta"]) == "vgg16_icd"
    assert likely_network([]) is None


@pytest.mark.parametrize(("further", "network"), [
    ([], "vgg16_imagenet"), (["fc8.weight"], "vgg16_cls"), (["f8_3.weight", "gn8_3.weight"], "vgg16_aff"),
    (["arg:fc8_weight", "arg:fc8_bias"], "vgg16_icd")])
def test_a_trunk_that_many_share_is_told_by_its_head(further, network):
    trunk = [f"{layer}.{leaf}" for layer in ("conv1_1", "conv4_3", "fc6", "fc7") for leaf in ("weight", "bias")]
    assert likely_network([*trunk, *further]) == network


@pytest.mark.parametrize(("depth", "last"), [(50, 6), (101, 23)])
def test_depths_of_a_resnet_are_told_apart(depth, last):
    names = [f"arg:stage3_unit{unit}_conv1_weight" for unit in range(1, last + 1)]
    assert likely_network(["arg:conv0_weight", "aux:bn1_moving_mean", *names]) == f"resnet{depth}_imagenet"
    assert (network_named("resnet50_imagenet").rule_for(names[-1]) is None) == (depth == 101)


@pytest.mark.parametrize(("name", "place", "layout"), [
    ("arg:stage1_unit1_sc_weight", ("stage1_unit1_sc/kernel",), "kernel"), ("arg:fc1_weight", (), "as is"),
    ("aux:stage4_unit3_bn3_moving_var", ("stage4_unit3_bn3/moving_variance",), "as is"),
    ("arg:bn_data_beta", ("bn_data/beta",), "as is"), ("arg:bn_data_gamma", (), "as is"),
    ("arg:bn0_gamma", ("bn0/gamma",), "as is"), ("arg:fc1_bias", (), "as is")])
def test_the_zoos_names_of_resnet(name, place, layout):
    rule = network_named("resnet101_imagenet").rule_for(name)
    assert (rule.places(name), rule.layout, bool(rule.why)) == (place, layout, not place)


def test_an_unknown_network_is_refused():
    with pytest.raises(UserError, match="no name rules for network 'alexnet'; known: clip, dinov2, resnet101_imagenet"):
        network_named("alexnet")
    with pytest.raises(UserError, match="network 'resnet38'; did you mean 'resnet38_cls'\\? known: clip, dinov2"):
        network_named("resnet38")
