import json

import numpy as np
import pytest

from tests.support.fake_run import CLASSES, SIZE, image_set, write_maps, write_pseudo
from tfwsss.artefacts.files import path_of
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.artefacts.scores import Scores, read_scores, write_scores
from tfwsss.errors import ImageFault, UserError
from tfwsss.metrics.iou import Confusion, ignored_share, iou
from tfwsss.palette import IGNORE
from tfwsss.runs.scoring import KINDS, THRESHOLDS, count_mask, dominant_class, evaluate


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")


def scored(*arguments, **options) -> dict:
    return dict(evaluate(*arguments, **options))


def slow_iou(pairs, ignore_as_error=False):
    """IoU of each class from sets of pixels, written from the definition; None where the class occurs nowhere."""
    values = {}
    for mask_id, name in enumerate(CLASSES):
        both = either = 0
        for truth, prediction in pairs:
            known = (truth != 255) & ((prediction != 255) | ignore_as_error)
            both += np.count_nonzero(known & (truth == mask_id) & (prediction == mask_id))
            either += np.count_nonzero(known & ((truth == mask_id) | (prediction == mask_id)))
        values[name] = both / either if either else None
    return values


def mean(values):
    present = [value for value in values.values() if value is not None]
    return sum(present) / len(present)


def test_masks_equal_the_definition(tmp_path, images):
    write_pseudo(tmp_path / "pseudo", images)
    pairs = [(images.read_mask(name), read_mask(tmp_path / "pseudo", name)) for name in images.masks]
    score = scored("masks", tmp_path / "pseudo", images)
    assert score["iou"] == pytest.approx(slow_iou(pairs)) and score["kind"] == "masks"
    assert score["miou"] == pytest.approx(mean(slow_iou(pairs)))
    assert score["miou_ignore_as_error"] == pytest.approx(mean(slow_iou(pairs, ignore_as_error=True)))
    assert score["miou_ignore_as_error"] < score["miou"]
    known = sum(np.count_nonzero(truth != 255) for truth, _ in pairs)
    ignored = sum(np.count_nonzero((truth != 255) & (prediction == 255)) for truth, prediction in pairs)
    assert score["ignored"] == pytest.approx(ignored / known) and score["ignored"] > 0
    assert (score["images"], score["faults"], score["warnings"]) == (4, {}, [])      # the fifth image has no mask
    assert sum(score["shares"].values()) + score["ignored"] == pytest.approx(1.0)


def _corners_on_corners(plane):
    for axis, length in enumerate(SIZE):
        places = np.linspace(0, plane.shape[axis] - 1, length)
        plane = np.apply_along_axis(lambda line, at=places: np.interp(at, np.arange(len(line)), line), axis, plane)
    return plane


def test_probabilities_are_scored_as_masks_of_the_likeliest_classes(tmp_path, images):
    """A class that is nowhere likely does not count, though its largest value is divided by itself as a class map."""
    for name in images.names[:3]:
        truth = images.read_mask(name)
        shown = np.setdiff1d(np.unique(truth), [0, IGNORE])
        planes = [np.where(truth == number, 0.75, 0.1 / 4) for number in shown] + [np.full(truth.shape, 0.01)]
        absent = min(set(range(1, len(images.classes))) - set(shown.tolist()))
        write_scores(tmp_path / "graph", name, Scores(np.array([*shown, absent]) - 1, np.array(planes), truth.shape))
    score = scored("probabilities", tmp_path / "graph", images.subset(images.names[:3]))
    assert score["miou"] == 1.0 and "threshold" not in score and not score["faults"]


def test_scores_equal_one_arg_max_for_each_threshold(tmp_path, images):
    write_maps(tmp_path / "cam", images)
    score = scored("scores", tmp_path / "cam", images, chosen=0.33)
    means = {}
    for threshold in (*THRESHOLDS, 0.33):
        pairs = []
        for name in images.masks:
            maps = read_scores(tmp_path / "cam", name)
            planes = [np.full(SIZE, threshold)]
            for plane in maps.scores.astype(np.float64):
                large = np.maximum(_corners_on_corners(plane), 0)
                planes.append(large / large.max())
            ids = np.array([0, *(maps.classes + 1)])
            pairs.append((images.read_mask(name), ids[np.argmax(planes, axis=0)]))
        means[threshold] = mean(slow_iou(pairs))
    assert [point[0] for point in score["curve"]] == list(THRESHOLDS)
    assert [point[1] for point in score["curve"]] == pytest.approx([means[step] for step in THRESHOLDS])
    best = max(THRESHOLDS, key=means.get)                              # the chosen one does not compete
    assert score["threshold"] == best and score["miou"] == pytest.approx(means[best])
    assert score["threshold_without_masks"] == 0.33
    assert score["miou_without_masks"] == pytest.approx(means[0.33])
    assert score["ignored"] == 0.0 and score["miou_ignore_as_error"] == score["miou"]
    assert len(set(means.values())) > 3                                # the curve is one


def test_counts_of_images_add_to_those_of_the_folder(tmp_path, images):
    """What reports and TensorBoard count an image at a time."""
    write_pseudo(tmp_path / "pseudo", images)
    total = sum((count_mask(images, name, read_mask(tmp_path / "pseudo", name)) for name in images.masks),
                Confusion.zeros(len(CLASSES)))
    score = scored("masks", tmp_path / "pseudo", images)
    assert iou(total, reduction="mean") == score["miou"] and ignored_share(total) == score["ignored"]
    with pytest.raises(ImageFault, match="made for 2 rows x 2 columns"):
        count_mask(images, images.names[0], np.zeros((2, 2), np.uint8))


def test_the_number_of_threads_changes_nothing(tmp_path, images):
    write_maps(tmp_path / "cam", images)
    one, three = (scored("scores", tmp_path / "cam", images, workers=workers) for workers in (1, 3))
    assert one == three


def test_an_image_without_any_class_is_background(tmp_path, images):
    for name in images.names:
        write_scores(tmp_path / "cam", name, Scores(np.zeros(0, np.int32), np.zeros((0, 2, 2), np.float32), SIZE))
    score = scored("scores", tmp_path / "cam", images)
    assert score["shares"]["background"] == 1.0 and "'background' fills 100.0 %" in score["warnings"][0]


def test_bad_files_are_faults_and_the_others_count(tmp_path, images):
    write_pseudo(tmp_path / "pseudo", images)
    whole = scored("masks", tmp_path / "pseudo", images, names=images.names[3:4])
    write_mask(tmp_path / "pseudo", images.names[0], np.zeros((3, 5), np.uint8), images.palette)
    path_of(tmp_path / "pseudo", "masks", images.names[1]).write_bytes(b"no png")
    write_mask(tmp_path / "pseudo", images.names[2], np.full(SIZE, 4, np.uint8), images.palette)
    score = scored("masks", tmp_path / "pseudo", images)
    assert score["images"] == 1 and list(score["faults"]) == list(images.names[:3])
    assert "made for 3 rows x 5 columns, but the true mask has 24 x 32" in score["faults"][images.names[0]]
    assert "cannot be read" in score["faults"][images.names[1]]
    assert "other classes" in score["faults"][images.names[2]]
    assert score["iou"] == whole["iou"]


def test_bad_maps_are_faults(tmp_path, images):
    write_maps(tmp_path / "cam", images)
    plane = np.ones((1, 2, 2), np.float32)
    write_scores(tmp_path / "cam", images.names[0], Scores(np.array([3]), plane, SIZE))
    write_scores(tmp_path / "cam", images.names[1], Scores(np.array([0]), plane, (3, 5)))
    np.savez(path_of(tmp_path / "cam", "scores", images.names[2]), classes=np.array([0], np.int32),
             scores=plane * np.nan, size=np.array(SIZE))
    score = scored("scores", tmp_path / "cam", images)
    assert list(score["faults"]) == list(images.names[:3]) and score["images"] == 1
    assert "not finite" in score["faults"][images.names[2]] and "outside" in score["faults"][images.names[0]]


def test_nothing_at_all_is_strict_json(tmp_path, images):
    for score in (scored(kind, tmp_path / "none", images) for kind in KINDS):
        assert score["images"] == 0 and score["miou"] is None and len(score["faults"]) == 4
        json.dumps(score, allow_nan=False)


def test_a_set_without_masks_says_so(tmp_path):
    with pytest.raises(UserError, match="none of 5 images has a true mask"):
        scored("masks", tmp_path, image_set(tmp_path / "data", with_masks=False))


def test_progress_counts_every_image(tmp_path, images):
    seen = []
    scored("masks", tmp_path / "none", images, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_mistake_of_ours_is_not_hidden_as_a_fault(tmp_path, images):
    def stop(done, total):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        scored("masks", tmp_path / "none", images, progress=stop)


def test_dominant_class_needs_more_than_99_per_cent():
    assert dominant_class({"background": 0.99, "cat": 0.01}) is None
    assert "'cat' fills 99.5 %" in dominant_class({"background": 0.005, "cat": 0.995})


def test_truth_saved_as_0_and_255_is_no_truth(tmp_path, images):
    """Nothing but background is known: no score, whatever is predicted, and the cure."""
    for name in images.masks:
        write_mask(tmp_path / "data" / "masks", name, np.where(images.read_mask(name) == 0, 0, 255).astype(np.uint8),
                   images.palette)
    write_pseudo(tmp_path / "pseudo", images)
    score = scored("masks", tmp_path / "pseudo", images)
    assert score["miou"] is None and score["miou_ignore_as_error"] is None and score["images"] == 4
    assert "no true mask holds a class" in score["warnings"][-1] and "the first as 1" in score["warnings"][-1]


def test_predictions_saved_as_0_and_255_are_no_full_score(tmp_path, images):
    """Ignored pixels are left out, so that background alone would be counted, and rightly."""
    for name in images.names:
        write_mask(tmp_path / "pseudo", name, np.where(images.read_mask(name) == 0, 0, 255).astype(np.uint8)
                   if name in images.masks else np.zeros(SIZE, np.uint8), images.palette)
    score = scored("masks", tmp_path / "pseudo", images)
    assert score["miou"] is None and score["iou"]["background"] == 1.0
    assert score["miou_ignore_as_error"] == pytest.approx(0.25)            # three classes of four are missed
    assert any("no predicted mask holds a class" in line for line in score["warnings"])
