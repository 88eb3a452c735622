import numpy as np
import pytest

from tests.support import clip as recorded
from tfwsss.errors import UserError
from tfwsss.inference.sharpen import ids_of_marginals, sharpen_arrays, unary_of
from tfwsss.layers.dense_crf import dense_crf
from tfwsss.methods.clip_es.config import DEMO, Config
from tfwsss.settings import reading
from tfwsss.steps.scored_crf import confident_crf


def built(**values) -> Config:
    return reading.build(Config, {"method": "clip_es", **values}, "test")


def test_the_defaults_are_the_released_ones():
    settings = built()
    assert settings.clip.templates == ("a clean origami {}.",) and len(settings.clip.backgrounds) == 25
    assert settings.clip.backbone.name == "clip_b16" and settings.clip.words == {}
    assert (settings.maps.blocks, settings.maps.share, settings.maps.rounds) == (8, 0.4, 3)
    crf = settings.pseudo.crf
    assert (crf.iterations, crf.gaussian_deviation, crf.gaussian_weight) == (10, 1.0, 3.0)
    assert (crf.position_deviation, crf.colour_deviation, crf.bilateral_weight) == (67.0, 3.0, 4.0)
    assert settings.pseudo.certain == 0.95 and settings.labels.power == 1.0


@pytest.mark.parametrize("released", ["", "_released"])
def test_the_crf_is_that_of_pydensecrf(released):
    """Also of the picture as the released program shows it to the CRF: blue first, less a mean, wrapped round."""
    data, crf = recorded.arrays("crf"), confident_crf(built().pseudo)
    scores, image = np.moveaxis(data["scores"], 0, -1), data[f"image{released}"]
    ids = scores.argmax(-1)
    if released:
        less = data["image"][..., ::-1] - np.array((104.008, 116.669, 122.675))
        np.testing.assert_array_equal(image, np.trunc(less).astype(np.int64).astype(np.uint8))
    unary = np.array(unary_of(crf, scores, ids, 3))
    np.testing.assert_allclose(np.moveaxis(unary, -1, 0), data["unary"], atol=1e-5)
    marginals = dense_crf(unary, image, **crf.parameters)
    assert np.abs(np.moveaxis(marginals, -1, 0) - data[f"marginal{released}"]).mean() < 1e-3
    assert np.mean(marginals.argmax(-1) == data[f"label{released}"]) >= 0.995
    found = sharpen_arrays(crf, scores, ids, image, 3)
    assert np.mean(found == data[f"pseudo{released}"]) >= 0.99 and np.any(found == 255)
    np.testing.assert_array_equal(ids_of_marginals(crf, np.moveaxis(data[f"marginal{released}"], 0, -1)),
                                  data[f"pseudo{released}"])


def test_single_settings_keep_the_others():
    settings = built(clip={"backbone": {"initial": "x.weights.h5"}}, pseudo={"crf": {"iterations": 3}})
    assert settings.clip.backbone.name == "clip_b16" and settings.pseudo.crf.position_deviation == 67.0


def test_the_built_in_set_has_settings_of_its_own():
    settings = built(**DEMO)
    assert settings.data.kind == "demo" and settings.clip.backbone.initial is None


@pytest.mark.parametrize(("values", "words"), [
    ({"clip": {"backbone": {"name": "vgg16"}}}, "clip.backbone.name"), ({"maps": {"share": 1.0}}, "maps.share"),
    ({"pseudo": {"certain": 1.0}}, "pseudo.certain"), ({"clip": {"backgrounds": []}}, "clip.backgrounds"),
    ({"clip": {"templates": ["x"]}}, "places for words")])
def test_what_cannot_be(values, words):
    with pytest.raises(UserError, match=words):
        built(**values)
