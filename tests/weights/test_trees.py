"""The tree of a checkpoint that fits, whatever stands before its names and beside it."""

import numpy as np
import pytest

from tests.support.tiny_run import call, refused
from tests.weights.foreign import psa_network, write_pth
from tfwsss.errors import UserError
from tfwsss.weights.trees import find_tree

NAMES = [f"conv{block}_{place}.{leaf}" for block, count in zip(range(1, 6), (2, 2, 3, 3, 3), strict=True)
         for place in range(1, count + 1) for leaf in ("weight", "bias")] + ["fc6.weight", "fc8.weight"]
STATE = {name: np.full(1, place, np.float32) for place, name in enumerate(NAMES)}
OPTIMISER = {f"state.{place}.momentum_buffer": np.zeros(1, np.float32) for place in range(60)}


def under(start, arrays=STATE):
    return {start + name: array for name, array in arrays.items()}


@pytest.mark.parametrize("start", [
    "", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "state_dict.", "state_dict.module.",
    "state_dict.model.", "state_dict.net.", "weights.", "network.", "ema.", "model_state_dict.", "0.", "a.b.c.d.",
    "state_dict.model.module.backbone."])
@pytest.mark.parametrize("beside", ["optimizer.", "optimizer_state_dict.", "optim.", "optimizer_states.0."])
def test_what_stands_before_and_beside(start, beside):
    """The same arrays under the same names, and the rest left out, however much it is."""
    found = find_tree(under(start) | under(beside, OPTIMISER) | {"loss": np.zeros(())})
    assert found.network == "vgg16_cls" and {name: array.item() for name, array in found.arrays.items()
                                             if name in STATE} == {name: array.item() for name, array in STATE.items()}
    assert all(found.names[name] == start + name for name in STATE)
    assert found.rivals == () and (start == "" or found.left_out.keys() == {*under(beside, OPTIMISER), "loss"})


def test_an_average_gives_way_to_what_was_trained_and_is_told():
    arrays = under("model_ema.", {name: array + 100 for name, array in STATE.items()}) | under("model.")
    found = find_tree(arrays, "vgg16_cls")
    assert found.prefix == "model." and found.rivals == ("model_ema",) and len(found.left_out) == len(STATE)
    chosen = find_tree(arrays, "vgg16_cls", tree="model_ema")
    assert chosen.arrays["fc8.weight"] == STATE["fc8.weight"] + 100 and chosen.rivals == ()
    assert chosen.left_out.keys() == under("model.").keys()


def test_beginnings_of_ones_own():
    arrays = {("trunk_a/" if name.startswith("conv1") else "trunk_b/") + name: array for name, array in STATE.items()}
    assert find_tree(arrays).network is None
    found = find_tree(arrays, strip=["trunk_a/", "trunk_b/"])
    assert found.network == "vgg16_cls" and found.names["conv1_1.weight"] == "trunk_a/conv1_1.weight"


@pytest.mark.parametrize(("options", "words"), [
    ({"tree": "ema"}, r"--tree ema: no name in x.pth begins so; its names begin with optimizer \(60\), model \(28\)"),
    ({"strip": ["net."]}, "--strip net.: no name in x.pth begins so")])
def test_what_is_not_there(options, words):
    with pytest.raises(UserError, match=words):
        find_tree(under("optimizer.", OPTIMISER) | under("model."), origin="x.pth", **options)


def test_two_arrays_of_one_name_are_refused():
    with pytest.raises(UserError, match="would have one name, fc8.weight; choose by --tree or --strip"):
        find_tree({**STATE, "module.fc8.weight": np.zeros(1)}, "vgg16_cls")


def test_names_of_no_network_stay_as_they_are():
    arrays = dict.fromkeys(("a.b", "module.c", "arg:x_weight", "layers/conv/vars/0"), np.zeros(1))
    found = find_tree(arrays)
    assert found.network is None and found.prefix == "" and not found.left_out
    assert set(found.names.values()) == set(arrays)
    many = {f"{place}.{place}.{place}": np.zeros(1) for place in range(20_000)}
    assert find_tree(many, "vgg16_cls").network == "vgg16_cls" and not find_tree({}).arrays


def test_the_command_fills_all_and_lists_the_rest(tmp_path):
    _, arrays = psa_network("vgg16_cls")
    file = write_pth(tmp_path / "x.pth", under("model.module.", arrays) | under("ema.", arrays) | {
        "optimizer.state.0.momentum_buffer": np.zeros(3), "loss": np.zeros(())})
    out = tmp_path / "x.weights.h5"
    answer = call("convert", file, "--to", out)
    assert answer.code == 0 and "31 filled, 33 left out, 0 fresh" in answer.out
    assert "ema would fit as well; choose by --tree" in answer.err and "names in" in answer.err
    assert any(line.split() == ["filled", "fc8/kernel", "model.module.fc8.weight", "3x1024x1x1"]
               for line in answer.out.splitlines())
    assert "ema.* (31 arrays)" in answer.out and "of another tree of the file" in answer.out
    result = call("convert", file, "--inspect", "--json").result
    assert result["network"] == "vgg16_cls" and result["tree"] == "model.module" and len(result["arrays"]) == 64
    assert call("convert", file, "--to", out, "--force", "--tree", "ema", "--json").result["tree"] == "ema"
    refused(call("convert", file, "--to", out, "--force", "--tree", "teacher"), "--tree teacher: no name in")
