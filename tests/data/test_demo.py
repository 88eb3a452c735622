"""The built-in data set: repeatable, complete, and of the kind that a plain class map gets half right."""

import numpy as np
import pytest

from tfwsss.data.demo import CLASSES, demo_images, draw_demo, draw_scene
from tfwsss.data.folder import check_classes, read_folder
from tfwsss.errors import UserError


def test_drawn_folder_is_a_data_set(tmp_path):
    images = draw_demo(tmp_path, num_images=20)
    assert images.classes == CLASSES and len(images.names) == len(images.masks) == 20 and not images.faults
    check_classes(images)
    for name in images.names:
        mask = images.read_mask(name)
        assert images.read_image(name).shape[:2] == mask.shape
        assert {label + 1 for label in images.labels[name]} == set(mask.ravel().tolist()) - {0, 255}
    train, val = read_folder(tmp_path, "train"), read_folder(tmp_path, "val")
    assert len(train.names) == 16 and len(val.names) == 4 and not set(train.names) & set(val.names)


def test_same_seed_same_pictures(tmp_path):
    first, second = draw_demo(tmp_path / "a", 6), draw_demo(tmp_path / "b", 6)
    assert all(first.images[name].read_bytes() == second.images[name].read_bytes() for name in first.names)
    assert first.fingerprint() == second.fingerprint()
    assert not np.array_equal(draw_scene(0, 0)[0], draw_scene(0, 1)[0])


def test_cache_is_drawn_once_and_whole(tmp_path, monkeypatch):
    images = demo_images(tmp_path, "train", num_images=5)
    assert len(images.names) == 4
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert demo_images(tmp_path, num_images=5).fingerprint() != images.fingerprint()        # both splits
    assert stamps == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.rename", killed)
    with pytest.raises(KeyboardInterrupt):
        demo_images(tmp_path, num_images=6)
    assert [path.name for path in tmp_path.iterdir()] == [images.root.name]


def test_a_cache_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="could not be written|cannot be made"):
        demo_images(tmp_path / "file", num_images=5)
    with pytest.raises(UserError, match="at least 5"):
        draw_demo(tmp_path, num_images=3)


def test_bodies_stand_out_and_heads_tell():
    """Bodies are brighter than grounds in every image of a class; by their mean colour classes are not told apart."""
    hues, kinds = [], []
    for number in range(40):
        image, mask, shown = draw_scene(number)
        body, ground = (mask > 0) & (mask != 255), mask == 0
        bright = image.max(axis=-1).astype(float)
        assert np.median(bright[body]) > np.percentile(bright[ground], 90)
        assert 0.05 < body.mean() < 0.5 and 0.005 < (mask == 255).mean() < 0.2
        if len(shown) == 1:
            hues.append(np.median(image[body], axis=0))
            kinds.append(shown[0])
    hues, kinds = np.array(hues), np.array(kinds)
    centres = np.stack([hues[kinds == kind].mean(0) for kind in range(4)])
    guessed = np.argmin(np.linalg.norm(hues[:, None] - centres, axis=-1), axis=1)
    assert 0.25 < (guessed == kinds).mean() < 0.95


def test_sizes_vary_and_some_show_several_classes():
    scenes = [draw_scene(number) for number in range(40)]
    assert len({scene[0].shape for scene in scenes}) > 5
    assert {min(scene[0].shape[:2]) for scene in scenes} <= set(range(96, 129))
    assert 4 <= sum(len(scene[2]) == 2 for scene in scenes) <= 20
