import pytest

from tfwsss.errors import UserError
from tfwsss.methods.a2gnn.config import DEMO, Config
from tfwsss.settings import reading
from tfwsss.training.graph_settings import FOR_BOXES


def built(**values) -> Config:
    return reading.build(Config, {"method": "a2gnn", **values}, "test")


def test_the_defaults_are_the_released_ones():
    settings = built()
    own = settings.affinity
    assert (own.backbone.name, own.epochs, own.batch_size, own.crop, own.radius) == ("resnet38", 12, 4, 448, 3)
    assert (own.optimizer, own.learning_rate, own.momentum, own.weight_decay) == ("sgd", 0.01, 5e-4, 5e-4)
    assert (own.head_factor, own.schedule, own.scales, own.scatter, own.mirror) == (10, "step", (1.0,), True, True)
    assert (own.widths, own.mask_border, own.crf_weight) == ((64, 128, 256), False, 3.0)
    assert own.jitter == (0.3, 0.3, 0.3, 0.1) and own.longer_side is None
    seeds = settings.seeds
    assert (seeds.supervision, seeds.low, seeds.high, seeds.power, seeds.dropped) == ("auto", 4, 24, 24, 0.6)
    graph = settings.graph
    assert (graph.radius, graph.box_radius, graph.walked) == (3, 4, ("image", "point"))
    assert graph.box_network == FOR_BOXES and graph.network.epochs == (50, 50)
    assert settings.pseudo.position_deviation == 50 and settings.cam.views == 8 and settings.cam.canvas is None
    assert settings.classifier.backbone.name == "resnet38" and settings.classifier.longer_side == (448, 768)


def test_one_key_of_a_section_leaves_the_others_as_released():
    settings = built(affinity={"backbone": {"initial": "aff.weights.h5"}}, classifier={"backbone": {"width": 0.5}},
                     cam={"batch_size": 2}, pseudo={"iterations": 5}, graph={"box_network": {"epochs": [9, 9]}})
    assert settings.affinity.backbone.name == settings.classifier.backbone.name == "resnet38"
    assert settings.cam.views == 8 and settings.pseudo.colour_deviation == 5
    assert settings.graph.box_network.boxes and settings.graph.box_network.learning_rate == 0.035


def test_the_built_in_set_has_settings_of_its_own():
    settings = built(**DEMO)
    assert settings.data.kind == "demo" and settings.affinity.backbone.name == "small"
    assert settings.graph.network.width == settings.graph.box_network.width == 64 and settings.graph.walked == ()
    assert settings.data.points is None and settings.seeds.supervision == "auto"      # tags, or what is named


@pytest.mark.parametrize(("values", "words"), [
    ({"seeds": {"supervision": "mask"}}, "seeds.supervision"), ({"graph": {"radius": 0}}, "graph.radius"),
    ({"graph": {"walked": ["mask"]}}, "graph.walked"), ({"affinity": {"radius": 0}}, "affinity.radius"),
    ({"graph": {"network": {"epochs": 50}}}, "graph.network.epochs"), ({"graph": {"least": 1.0}}, "graph.least")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(UserError, match=words):
        built(**values)
