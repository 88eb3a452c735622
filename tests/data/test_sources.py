import numpy as np
import pytest
from PIL import Image

from tests.support.tiny_run import draw_tiny_folder
from tests.support.tiny_voc import draw_tiny_voc
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
    monkeypatch.setattr(sources, "demo_images", lambda cache, split: demo_images(cache, split, num_images=10))


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
