"""The stage of stretched maps beside the network's own maps and the rule."""

import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.whole_images import network
from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.inference.decide.stretched import stretched_maps
from tfwsss.inference.see import Seer
from tfwsss.inference.views import Picture
from tfwsss.runs.stage import Context
from tfwsss.steps.class_maps import ClassMapNetwork, MapSettings
from tfwsss.steps.stretched_maps import Stretcher, stretched_map_stage


@pytest.mark.parametrize("canvas", [33, None])
def test_a_stage_of_stretched_maps(tmp_path, canvas):
    """Of the labelled classes; a photograph that cannot be read is a fault."""
    images, settings = image_set(tmp_path / "data"), MapSettings(canvas=canvas, scales=(1.0, 0.5), mirror=True)
    images.images["image 1"].write_bytes(b"no image")
    loaded = []
    stage = stretched_map_stage("maps", images, settings, "net",
                                lambda folder: loaded.append(folder) or ClassMapNetwork(network()), "scores")
    assert (stage.name, stage.kind, stage.needs, stage.settings["canvas"]) == ("maps", "scores", ("net",), canvas)
    assert list(stage.work(Context(), {"net": tmp_path / "net"}, tmp_path / "maps")) == ["image 1"]
    seer = Seer(network(), settings.view((127.0,) * 3))
    for name in images.names[::2]:
        found, classes = read_scores(tmp_path / "maps", name), np.int32(images.labels[name])
        raw = seer(images.read_image(name)[None])["scores"].numpy()[0]
        picture = Picture((24, 32), (canvas or 24, canvas or 32))
        expected = np.moveaxis(np.asarray(stretched_maps(4, canvas is None, raw, picture, classes)), -1, 0)
        np.testing.assert_allclose(found.scores, expected, atol=2e-3)
        assert found.classes.tolist() == classes.tolist()
        assert (found.size, found.covers) == (picture.size, picture.covers)
    assert loaded == [tmp_path / "net"]


def test_maps_of_no_class():
    stretch = Stretcher(MapSettings(canvas=33), ClassMapNetwork(network()))
    none = Scores(np.zeros(0, np.int32), np.zeros((0, 9, 9), np.float32), (24, 32), (33, 33))
    assert stretch(none).scores.shape == (0, 9, 9)
