import typing

import numpy as np
import pytest

from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.facts import FACTS, FORM_FACTS, GREY, BackboneFacts, BackboneName, facts_of
from tfwsss.backbones.vit import FORMS

WIDTH = 1 / 32


def test_settings_can_name_every_backbone_and_no_other():
    assert typing.get_args(BackboneName) == tuple(FACTS)


def test_an_unknown_network_has_no_facts_of_its_own():
    assert facts_of("mine") == BackboneFacts() and facts_of("mine").colour == (GREY, GREY, GREY)
    assert facts_of("mine").output_stride(32) == 32


@pytest.mark.parametrize("name", [*FACTS, *FORM_FACTS])
def test_facts_are_those_of_the_network(name):
    """Stride, taps and heads are looked up in the network itself."""
    form = {"form": name.rpartition("_")[2]} if name in FORM_FACTS else {}
    facts, network = facts_of(name), build_backbone("vgg16" if form else name, width=WIDTH, output_stride=8, **form)
    assert network.name == name
    side = network.compute_output_shape((1, 336, 336, 3))["features"][1]       # whole strides of every network
    assert facts.output_stride(asked=8) == 336 // side
    layers = {layer.name: layer for layer in network.layers}
    assert len(facts.taps) == 3 and set(facts.taps) <= set(layers) and set(facts.heads) <= set(layers)
    assert facts.normalised == any(type(layer).__name__.endswith("Normalization") for layer in layers.values())
    subtracted = 255 * np.array(FORMS[name].mean) if name in FORMS else facts.colour
    np.testing.assert_allclose(facts.colour, subtracted, atol=1e-3)
