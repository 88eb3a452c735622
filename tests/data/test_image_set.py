"""The record of a data set: what it promises and what it refuses."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfwsss.data.image_set import ImageSet, usable_names
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import colourise, voc_palette


def make(names=("a", "b 1", "猫"), classes=("background", "cat", "polar bear", "зебра"), labels=None, **more):
    labels = labels or {name: (number % 3,) for number, name in enumerate(names)}
    return ImageSet(tuple(names), Path("pets"), tuple(classes), voc_palette(), masks=more.pop("masks", {}),
                    images={name: Path("pets", f"{name}.jpg") for name in names}, labels=labels, **more)


def test_labels_do_not_count_background():
    images = make(labels={"a": (0, 2), "b 1": (), "猫": (1,)})
    assert images.num_classes == 3
    assert images.multi_hot("a").tolist() == [1, 0, 1] and images.multi_hot("a").dtype == np.float32
    assert images.multi_hot("b 1").tolist() == [0, 0, 0]


def test_subset_keeps_order_and_nothing_else():
    images = make(masks={"a": Path("m.png"), "猫": Path("n.png")}).subset(["猫", "b 1"])
    assert images.names == ("猫", "b 1")
    assert set(images.images) == set(images.labels) == {"猫", "b 1"} and set(images.masks) == {"猫"}
    with pytest.raises(UserError, match="'dog'"):
        images.subset(["dog"])


def test_fingerprint_follows_facts_not_files():
    images = make()
    moved = dataclasses.replace(images, root=Path("elsewhere"), masks={"a": Path("m")},
                                images={name: Path("x") for name in images.names})
    assert images.fingerprint() == moved.fingerprint() == make().fingerprint()
    others = [images.subset(["b 1", "a", "猫"]), images.subset(["a"]),
              make(labels={"a": (0,), "b 1": (0,), "猫": (2,)}), make(classes=("background", "cat", "bear", "зебра"))]
    assert len({images.fingerprint(), *(other.fingerprint() for other in others)}) == 5


@pytest.mark.parametrize(("change", "words"), [
    ({"names": ("a", "b", "a")}, "'a' is listed twice"), ({"classes": ("cat", "dog")}, "id 0 is always"),
    ({"classes": ("background",)}, "no class"), ({"classes": ("background", "cat", "cat")}, "'cat' is named twice"),
    ({"classes": ("background", "cat", " dog")}, "space"), ({"labels": {"a": (3,), "b 1": (), "猫": ()}}, "0 to 2"),
    ({"classes": ("background", *map(str, range(255)))}, "256 classes"), ({"labels": {"a": (0,)}}, "no labels"),
    ({"labels": {"a": (-1,), "b 1": (), "猫": ()}}, "0 to 2")])
def test_mistakes_are_told(change, words):
    with pytest.raises(UserError, match=words):
        make(**change)


def test_a_palette_is_a_bijection():
    palette = voc_palette()
    palette[7] = palette[3]
    with pytest.raises(UserError, match="256 different"):
        dataclasses.replace(make(), palette=palette)


@pytest.mark.parametrize("kind", ["indexed", "grey", "colour"])
def test_masks_of_three_kinds(tmp_path, kind):
    mask = np.array([[0, 1, 2], [3, 255, 0]], np.uint8)
    picture = Image.fromarray(colourise(mask, voc_palette()) if kind == "colour" else mask)
    if kind == "indexed":
        picture.putpalette(voc_palette().tobytes())
    picture.save(tmp_path / "m.png")
    found = make(masks={"a": tmp_path / "m.png"}).read_mask("a")
    assert found.dtype == np.uint8 and (found == mask).all()


def test_masks_that_cannot_be_used(tmp_path):
    Image.fromarray(np.array([[0, 4]], np.uint8)).save(tmp_path / "m.png")
    images = make(masks={"a": tmp_path / "m.png"})
    with pytest.raises(ImageFault, match="id 4 is no class; ids are 0 to 3"):
        images.read_mask("a")
    with pytest.raises(ImageFault, match="has no mask"):
        images.read_mask("猫")


def test_read_image(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    images = dataclasses.replace(make(), images={name: tmp_path / "a.png" for name in make().names})
    assert (images.read_image("a") == pixels).all()


def test_a_few_faults_pass_and_many_stop():
    assert usable_names(Path("pets"), ["a", "b", "c"], {"b": "broken"}) == ("a", "c")
    with pytest.raises(UserError, match="2 of 3 listed images cannot be used. The first: no file"):
        usable_names(Path("pets"), ["a", "b", "c"], {"a": "no file", "c": "no file"})


def test_joined_sets_keep_both_in_order():
    first, second = make(names=("a",), faults={"x": "gone"}), make(names=("c", "b"), masks={"b": Path("m.png")})
    both = first.joined(second)
    assert both.names == ("a", "c", "b") and set(both.images) == set(both.labels) == {"a", "b", "c"}
    assert both.masks == {"b": Path("m.png")} and both.faults == {"x": "gone"}
    assert first.joined(first).names == ("a",) and both.joined(second).names == ("a", "c", "b")


def test_sizes_and_saliency(tmp_path):
    Image.fromarray(np.array([[0, 7, 255]], np.uint8)).save(tmp_path / "s.png")
    images = make(names=("a", "b"), saliency={"a": tmp_path / "s.png"})
    images = dataclasses.replace(images, images={"a": tmp_path / "s.png", "b": tmp_path / "gone.png"})
    assert images.read_size("a") == (1, 3) and images.read_saliency("a").tolist() == [[0, 7, 255]]
    with pytest.raises(ImageFault, match="no such file"):
        images.read_size("b")
    with pytest.raises(ImageFault, match="no saliency map"):
        images.read_saliency("b")
