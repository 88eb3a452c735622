import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import CLASSES, SIZE, image_set, write_maps, write_pseudo
from tfwsss.artefacts.masks import write_mask
from tfwsss.artefacts.scores import Scores, write_scores
from tfwsss.reports.gallery import SIDE, image_ious, rows


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")


@pytest.fixture
def stages(tmp_path, images):
    write_maps(tmp_path / "cam", images)
    write_pseudo(tmp_path / "pseudo", images)
    return {"cam": ("scores", tmp_path / "cam"), "pseudo": ("masks", tmp_path / "pseudo")}


def test_rows_show_every_stage_and_the_truth(images, stages):
    found, faults = rows(stages, images, images.names)
    assert faults == [] and [row.name for row in found] == list(images.names)
    assert list(found[0].pictures) == ["image", "cam", "pseudo", "truth"]
    assert found[2].tags == (CLASSES[3],)                # image 2 shows its third class only
    picture = Image.open(io.BytesIO(base64.b64decode(found[0].pictures["pseudo"].split(",")[1])))
    assert max(picture.size) == SIDE
    assert found[4].pictures["truth"] is None and found[4].iou is None and found[0].iou > 0.5


def test_probabilities_look_like_the_mask_of_the_likeliest_classes(images, tmp_path):
    name = "image 2"
    truth = images.read_mask(name)
    shown = np.setdiff1d(np.unique(truth), [0, 255])
    write_scores(tmp_path / "graph", name, Scores(shown - 1, 0.5 * (truth == shown[:, None, None]) + 0.25, SIZE))
    write_mask(tmp_path / "masks", name, np.where(truth == 255, 0, truth).astype(np.uint8), images.palette)
    found, _ = rows({"graph": ("probabilities", tmp_path / "graph"), "masks": ("masks", tmp_path / "masks")}, images,
                    [name])
    assert found[0].pictures["graph"] == found[0].pictures["masks"] != found[0].pictures["image"]


def test_what_is_missing_leaves_a_gap(images, stages):
    (stages["pseudo"][1] / "image 1.png").unlink()
    images.images["image 2"].write_bytes(b"")
    found, faults = rows(stages, images, images.names)
    assert len(found) == 4 and len(faults) == 1 and "image 2.png" in faults[0]
    assert found[1].pictures["pseudo"] is None and found[1].pictures["cam"] and found[1].iou is None


def test_worst_images_come_first(images, stages):
    folder = stages["pseudo"][1]
    write_mask(folder, "image 2", np.zeros(SIZE, np.uint8), images.palette)
    write_mask(folder, "image 1", images.read_mask("image 1"), images.palette)
    write_mask(folder, "image 3", np.zeros((2, 2), np.uint8), images.palette)
    scores = image_ious(folder, images, images.names)
    assert list(scores) == ["image 2", "image 0", "image 1"]       # 3 has another size, 4 has no mask
    assert scores["image 1"] == 1.0
    truth = images.read_mask("image 2")
    known = truth != 255
    assert scores["image 2"] == pytest.approx((truth[known] == 0).mean() / 2)   # background's IoU, and 0 for the class


def test_ignoring_everything_is_no_way_to_a_good_score(images, stages):
    write_mask(stages["pseudo"][1], "image 0", np.full(SIZE, 255, np.uint8), images.palette)
    assert image_ious(stages["pseudo"][1], images, ["image 0"]) == {"image 0": 0.0}
