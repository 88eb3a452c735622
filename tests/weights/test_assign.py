import dataclasses
import types

import numpy as np
import pytest

from tests.weights.formats.test_mxnet import V2, one_array, params
from tfwsss.errors import UserError
from tfwsss.weights.assign import assign, turned, unusable
from tfwsss.weights.names import NETWORKS, Network, Rule
from tfwsss.weights.readers import read_weights


@dataclasses.dataclass
class Variable:
    path: str
    shape: tuple
    value: np.ndarray | None = None

    def assign(self, value):
        assert tuple(value.shape) == self.shape and value.dtype == np.float32
        self.value = value


@pytest.fixture
def tiny(monkeypatch):
    """A network of one convolution and one batch norm, its model, and arrays that fit."""
    rules = Network((Rule(r"conv\.weight", ("conv/kernel",), "kernel"), Rule(r"bn\.gamma", ("bn/gamma", "bn2/gamma")),
                     Rule(r"bn\.steps", why="counts steps")), ((r"head/.*", "the head is new"),))
    monkeypatch.setitem(NETWORKS, "tiny", rules)
    model = types.SimpleNamespace(weights=[Variable("net/conv/kernel", (1, 2, 3, 4)), Variable("bn/gamma", (4,)),
                                           Variable("bn2/gamma", (4,)), Variable("net/head/kernel", (2, 2))])
    numbers = np.random.default_rng(0).standard_normal((4, 3, 1, 2)).astype(np.float16)
    return model, {"conv.weight": numbers, "bn.gamma": np.ones(4), "bn.steps": np.array(3)}


def test_both_sides_are_accounted_for(tiny):
    model, arrays = tiny
    account = assign(model, arrays, "tiny")
    assert account.filled == {"net/conv/kernel": "conv.weight", "bn/gamma": "bn.gamma", "bn2/gamma": "bn.gamma"}
    assert account.left_out == {"bn.steps": "counts steps"}
    assert account.fresh == {"net/head/kernel": "the head is new"}
    kernel = model.weights[0].value
    assert all(kernel[r, c, i, o] == arrays["conv.weight"][o, i, r, c]
               for r in range(1) for c in range(2) for i in range(3) for o in range(4))
    assert model.weights[3].value is None


@pytest.mark.parametrize(("change", "message"), [
    ({"bn.gamma": None}, r"2 missing.*\n.*missing +bn/gamma 4 .*no array of the file fills it"),
    ({"extra": np.ones(3)}, r"1 unused.*\n.*unused +extra 3 .*no rule of tiny takes it"),
    ({"bn.gamma": np.ones(5)}, r"2 misshaped.*\n.*misshaped +bn/gamma 4 .*bn.gamma has 5"),
    ({"conv.weight": np.ones((4, 3, 2, 1))}, r"misshaped +net/conv/kernel 1x2x3x4 .*has 4x3x2x1, turned 2x1x3x4"),
    ({"conv.weight": np.ones((4, 6))}, r"misshaped .*has 4x6"),
    ({"bn.gamma": np.ones(4, int)}, r"unusable +bn/gamma 4 .*bn.gamma holds int64, not floating"),
    ({"bn.gamma": np.array([1, np.nan, 0, 0])}, r"unusable .*not finite: the file is damaged"),
    ({"bn.gamma": np.array([1, -np.inf, 0, 0])}, r"unusable .*not finite"),
    ({"bn.gamma": np.full(4, 1e35)}, r"unusable .*another byte order"),
])
def test_nothing_is_loaded_by_halves(tiny, change, message):
    model, arrays = tiny
    arrays = {key: value for key, value in (arrays | change).items() if value is not None}
    with pytest.raises(UserError, match=rf"x.pth does not fit tiny \((?s:.*){message}"):
        assign(model, arrays, "tiny", "x.pth")
    assert all(variable.value is None for variable in model.weights)


def test_a_variable_that_is_missing_or_doubled_in_the_model(tiny):
    model, arrays = tiny
    kept = model.weights
    model.weights = kept[1:]
    with pytest.raises(UserError, match="unused +conv.weight 4x3x1x2 .*the model has no such variable"):
        assign(model, arrays, "tiny")
    model.weights = [*kept, Variable("other/conv/kernel", (1, 2, 3, 4))]
    with pytest.raises(UserError, match="the model has 2 such variables"):
        assign(model, arrays, "tiny")


def test_two_arrays_for_one_variable(tiny, monkeypatch):
    model, arrays = tiny
    monkeypatch.setitem(NETWORKS, "tiny", Network((*NETWORKS["tiny"].rules, Rule("again", ("bn/gamma",))),
                                                  NETWORKS["tiny"].fresh))
    with pytest.raises(UserError, match="again 4 .*already filled by bn.gamma"):
        assign(model, arrays | {"again": np.ones(4)}, "tiny")


def test_long_tables_are_cut_and_the_likely_network_is_named(tiny):
    model, _ = tiny
    arrays = {f"conv{block}_1.weight": np.ones((1, 1, 3, 3)) for block in range(1, 6)} | {"f8_3.weight": np.ones(1)}
    with pytest.raises(UserError, match="its names look like those of 'vgg16_aff'"):
        assign(model, arrays, "tiny")
    with pytest.raises(UserError, match="and 8 more unused"):
        assign(model, {f"x{index}": np.ones(1) for index in range(20)}, "tiny")


def test_another_byte_order_is_noticed():
    numbers = np.random.default_rng(1).standard_normal((64, 64)).astype("<f4")
    assert unusable(numbers) is None and unusable(numbers.view(">f4")) is not None
    assert unusable(numbers.astype(">f4")) is None  # the same numbers, stored the other way round and marked so


def test_layouts_turn_axes_only():
    numbers = np.arange(24.0).reshape(4, 3, 1, 2)
    assert turned(numbers, "kernel").shape == (1, 2, 3, 4) and turned(numbers, "as is").shape == (4, 3, 1, 2)
    assert np.array_equal(turned(numbers[0, :, 0], "transposed"), numbers[0, :, 0].T)


def test_icd_from_a_file_of_mxnet(tmp_path):
    """Writes a narrow ICD as the original names and lays it out, reads it back: the same scores."""
    icd = pytest.importorskip("tfwsss.models.icd")
    from keras import ops, utils

    from tfwsss.backbones.vgg16 import vgg16

    def build(seed):
        utils.set_random_seed(seed)
        return icd.ICD(vgg16(width=1 / 16, head_channels=8), num_classes=3, head_width=8)

    model, other = build(1), build(2)
    arrays = {}
    for variable in model.weights:
        if variable.path.endswith("step"):
            continue
        layer, leaf = variable.path.split("/")[-2:]
        shift = np.random.default_rng(len(arrays)).uniform(0.1, 0.2, variable.shape)
        value = np.array(variable) + shift.astype(np.float32)
        variable.assign(value)
        name = {"kernel": "arg:{}_weight", "bias": "arg:{}_bias", "beta": "arg:{}_beta",
                "moving_mean": "aux:{}_moving_mean", "moving_variance": "aux:{}_moving_var"}[leaf].format(layer)
        arrays[name] = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T if leaf == "kernel" else value
    arrays["arg:feat_bn_gamma"] = np.full(32, 7, np.float32)  # stored, and never used
    (tmp_path / "icd.params").write_bytes(params(
        [one_array(V2, array.shape, array.astype("<f4").tobytes()) for array in arrays.values()], list(arrays)))
    account = assign(other, read_weights(tmp_path / "icd.params"), "vgg16_icd")
    assert list(account.left_out) == ["arg:feat_bn_gamma"] and list(account.fresh) == [
        path for path in (variable.path for variable in other.weights) if path.endswith("step")]
    image = np.random.default_rng(0).uniform(0, 255, (1, 33, 41, 3)).astype(np.float32)
    one, two = (icd.scorer(each)(image, training=False) for each in (model, other))
    for key in one:
        np.testing.assert_array_equal(ops.convert_to_numpy(one[key]), ops.convert_to_numpy(two[key]))
