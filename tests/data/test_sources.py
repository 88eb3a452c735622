import json

import numpy as np
import pytest
from PIL import Image

from tests.support.tiny_run import draw_tiny_folder
from tests.support.tiny_voc import annotation, draw_tiny_voc
from tfwsss.data import sources
from tfwsss.data.demo import demo_images
from tfwsss.data.sources import open_images, open_splits
from tfwsss.errors import UserError
from tfwsss.settings.sections import DataSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw_tiny_folder(tmp_path_factory.mktemp("sources") / "own")


@pytest.fixture(scope="module")
def voc(tmp_path_factory):
    return draw_tiny_voc(tmp_path_factory.mktemp("sources") / "voc")


@pytest.fixture
def small_demo(monkeypatch):
    """The built-in set with ten images."""
    monkeypatch.setattr(sources, "demo_images", lambda cache, split, files: demo_images(cache, split, 10, files=files))


@pytest.mark.parametrize(("split", "count"), [("train", 8), ("val", 4), (None, 12)])
def test_a_folder_of_ones_own(folder, tmp_path, split, count):
    images = open_images(DataSettings(kind="folder", root=folder), tmp_path, split)
    assert len(images.names) == count and images.classes == ("background", "cat", "dog", "sheep")
    assert images.root == folder and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("split", "count"), [("train", 8), ("val", 4), ("trainval", 12), (None, 8)])
def test_the_published_data_set(voc, tmp_path, split, count):
    """Without a list it is the one to train on: other lists have masks for scoring only."""
    images = open_images(DataSettings(kind="voc", root=voc), tmp_path, split)
    assert len(images.names) == count and "aeroplane" in images.classes


def test_the_built_in_set(small_demo, tmp_path):
    both, train = (open_images(DataSettings(), tmp_path, split) for split in (None, "train"))
    assert (len(both.names), len(train.names)) == (10, 8) and both.classes[1] == "ringhead"
    assert both.root.parent == tmp_path


@pytest.mark.parametrize(("settings", "words"), [
    ({"kind": "folder"}, "data.kind is 'folder' but data.root is not set; add --set data.root=FOLDER"),
    ({"kind": "voc"}, "data.kind is 'voc' but data.root is not set"),
    ({"kind": "voc", "root": "nowhere"}, "data.root: nowhere is no folder; give the folder that holds the images")])
def test_no_data(tmp_path, settings, words):
    with pytest.raises(UserError, match=words):
        open_images(DataSettings(**settings), tmp_path, None)


def test_saliency_maps_are_found_by_name(folder, tmp_path):
    salient = np.full((64, 64), 200, np.uint8)
    Image.fromarray(salient).save(tmp_path / "2026_000003.png")
    settings = DataSettings(kind="folder", root=folder, saliency=tmp_path)
    images = open_images(settings, tmp_path, "train")
    assert list(images.saliency) == ["2026_000003"]
    np.testing.assert_array_equal(images.read_saliency("2026_000003"), salient)
    with pytest.raises(UserError, match="no saliency map for any of 4 images"):
        open_images(settings, tmp_path, "val")
    for nothing in (None, "make"):                                   # maps that the run makes are none of the data
        data = DataSettings(kind="folder", root=folder, saliency=nothing)
        assert not open_images(data, tmp_path, "train").saliency


@pytest.mark.parametrize("lists", [{}, {"split": "train"}, {"split": "train", "pseudo_split": "train"}])
def test_one_list_is_one_object(folder, tmp_path, lists):
    """Superpixels are then made once of each image."""
    training, pseudo, val = open_splits(DataSettings(kind="folder", root=folder, **lists), tmp_path)
    assert training is pseudo and len(training.names) == (8 if lists else 12) and val is None


def test_two_lists(folder, tmp_path):
    settings = DataSettings(kind="folder", root=folder, split="train", pseudo_split="val")
    training, pseudo, _ = open_splits(settings, tmp_path)
    assert (len(training.names), len(pseudo.names)) == (8, 4) and training.classes == pseudo.classes
    assert not set(training.names) & set(pseudo.names)


def test_images_to_segment_without_tags_need_no_saliency(folder, tmp_path):
    Image.fromarray(np.full((64, 64), 200, np.uint8)).save(tmp_path / "2026_000003.png")
    settings = DataSettings(kind="folder", root=folder, split="train", val_split="val", saliency=tmp_path)
    training, pseudo, val = open_splits(settings, tmp_path)
    assert training.saliency and training is pseudo and len(val.names) == 4 and not val.saliency


def test_a_class_that_no_training_image_shows(folder, voc, tmp_path):
    """One's own classes can be struck; those of the published set are fixed, and small lists lack some."""
    own = draw_tiny_folder(tmp_path / "own")
    with (own / "classes.txt").open("a") as file:
        file.write("horse\n")
    with pytest.raises(UserError, match="none of 8 images shows 'horse'"):
        open_splits(DataSettings(kind="folder", root=own, split="train"), tmp_path)
    training, *_ = open_splits(DataSettings(kind="voc", root=voc, split="train"), tmp_path)
    shown = {training.classes[label + 1] for name in training.names for label in training.labels[name]}
    assert shown == {"cat", "dog", "sheep"}


def boxes(root, *names):
    """Writes boxes.json: a box of the first of its tags for each image."""
    rows = dict(line.split(",") for line in (root / "labels.csv").read_text().splitlines()[1:])
    found = {name: [{"name": rows[name].split()[0], "box": [0, 0, 0.5, 1]}] for name in names or rows}
    (root / "boxes.json").write_text(json.dumps(found))


def test_weak_labels_of_a_folder(tmp_path):
    """Paths lie below data.root; the list that is segmented without tags has none, and needs no row for it."""
    root = draw_tiny_folder(tmp_path / "own")
    boxes(root)
    table = (root / "labels.csv").read_text().splitlines()
    (root / "labels.csv").write_text("\n".join(table[:9]) + "\n")                # the rows of train
    data = DataSettings(kind="folder", root=root, split="train", val_split="val", boxes="boxes.json")
    training, pseudo, val = open_splits(data, tmp_path)
    assert training is pseudo and set(training.boxes) == set(training.names) and len(training.names) == 8
    assert len(val.names) == 4 and not val.boxes and val.labels == dict.fromkeys(val.names, ()) and not val.faults
    with pytest.raises(UserError, match="data.boxes: there is no else.json below"):
        open_splits(data.model_copy(update={"boxes": "else.json"}), tmp_path)


def test_only_images_to_train_on_need_weak_labels(folder, tmp_path):
    """Others may be labelled by tags alone."""
    root = draw_tiny_folder(tmp_path / "own")
    boxes(root, "2026_000000", "2026_000001")
    data = DataSettings(kind="folder", root=root, split="train", pseudo_split="val", boxes=root / "boxes.json")
    training, pseudo, _ = open_splits(data, tmp_path)
    assert set(training.boxes) == {"2026_000000", "2026_000001"} and not pseudo.boxes and len(pseudo.names) == 4
    with pytest.raises(UserError, match="names none of 4 images"):
        open_splits(data.model_copy(update={"split": "val", "pseudo_split": None}), tmp_path)


@pytest.mark.parametrize(("settings", "tags"), [
    ({}, 1), ({"difficult": True}, 2), ({"boxes": "Annotations"}, 2),
    ({"boxes": "Annotations", "difficult": False}, 1)])
def test_difficult_objects_count_where_boxes_are_read(tmp_path, settings, tags):
    """So that the tags of runs without boxes stay what they were; those of the list to segment alike."""
    root = draw_tiny_voc(tmp_path / "voc")
    for name in ("2026_000000", "2026_000008"):
        objects = [("cat", 1, 1, 9, 9), ("dog", 3, 3, 9, 9)]
        (root / "Annotations" / f"{name}.xml").write_text(annotation(name, objects, (1,)))
    training, _, val = open_splits(DataSettings(kind="voc", root=root, val_split="val", **settings), tmp_path)
    assert len(training.labels["2026_000000"]) == len(val.labels["2026_000008"]) == tags
    assert len(training.boxes.get("2026_000000", ())) == (tags if "boxes" in settings else 0) and not val.boxes


def test_weak_labels_of_the_built_in_set(small_demo, tmp_path):
    data = DataSettings(split="train", boxes="boxes.json", points="points.json", scribbles="scribbles.json",
                        full_masks="masks")
    training, _, _ = open_splits(data, tmp_path)
    for kind in ("boxes", "points", "scribbles", "full_masks"):
        assert set(getattr(training, kind)) == set(training.names), kind
    plain, _, _ = open_splits(DataSettings(split="train"), tmp_path)
    assert plain.labels == training.labels and not plain.boxes and plain.fingerprint() != training.fingerprint()


def test_a_list_that_is_not_there_is_told_with_its_key(folder, tmp_path):
    for key in ("pseudo_split", "val_split"):
        settings = DataSettings(kind="folder", root=folder, split="train", **{key: "nowhere"})
        with pytest.raises(UserError, match=rf"data.{key}=nowhere: .*no list nowhere.txt.*\(--set data.{key}=null"):
            open_splits(settings, tmp_path)
