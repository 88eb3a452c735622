"""The record of a data set: what it promises and what it refuses."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfwsss.data.image_set import ImageSet
from tfwsss.data.weak_labels import Box, Point, Scribble
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
              dataclasses.replace(images, palette=voc_palette()[::-1]),
              make(labels={"a": (0,), "b 1": (0,), "猫": (2,)}), make(classes=("background", "cat", "bear", "зебра"))]
    assert len({images.fingerprint(), *(other.fingerprint() for other in others)}) == 6


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


def test_joined_sets_keep_both_in_order():
    first, second = make(names=("a",), faults={"x": "gone"}), make(names=("c", "b"), masks={"b": Path("m.png")})
    both = first.joined(second)
    assert both.names == ("a", "c", "b") and set(both.images) == set(both.labels) == {"a", "b", "c"}
    assert both.masks == {"b": Path("m.png")} and both.faults == {"x": "gone"}
    assert first.joined(first).names == ("a",) and both.joined(second).names == ("a", "c", "b")


BOX, POINT, LINE = Box(1, 0, 0, 2, 2), Point(0, 1.5, 0.5), Scribble(2, ((0.0, 1.0), (1.0, 1.0)))


def test_weak_labels_go_with_their_names():
    weak = {"boxes": {"a": (BOX,), "猫": (BOX, BOX)}, "points": {"b 1": (POINT,)}, "scribbles": {"猫": (LINE,)},
            "scribble_masks": {"a": Path("s.png")}, "full_masks": {"b 1": Path("f.png")}}
    part = make(**weak).subset(["猫", "a"])
    assert part.boxes == weak["boxes"] and part.points == {} and part.scribbles == weak["scribbles"]
    assert part.scribble_masks == {"a": Path("s.png")} and part.full_masks == {}
    other = make(names=("c",), boxes={"c": (BOX,)}, full_masks={"c": Path("g.png")})
    both = make(**weak).joined(other)
    assert set(both.boxes) == {"a", "猫", "c"} and set(both.full_masks) == {"b 1", "c"}
    assert both.points == weak["points"]
    assert make(names=("c",)).joined(make(names=("c",), boxes={"c": (BOX,)})).boxes == {}      # the first's name counts


def test_the_strongest_label_and_never_a_mask_to_score_by():
    masks = dict.fromkeys(("a", "b 1", "猫"), Path("m.png"))
    images = make(masks=masks, points={"a": (POINT,), "b 1": (POINT,)}, boxes={"b 1": (BOX,), "猫": ()})
    assert [images.supervision(name) for name in images.names] == ["point", "box", "image"]
    images = dataclasses.replace(images, scribbles={"a": (LINE,)}, scribble_masks={"b 1": Path("s.png")},
                                 full_masks={"猫": Path("m.png")})
    assert [images.supervision(name) for name in images.names] == ["scribble", "scribble", "mask"]


def test_weak_labels_are_classes():
    for kind, label in (("boxes", Box(4, 0, 0, 1, 1)), ("points", Point(4, 0.0, 0.0)), ("boxes", Box(0, 0, 0, 1, 1))):
        with pytest.raises(UserError, match=f"pets: {kind} of 'a': id {label.class_id} is no class"):
            make(**{kind: {"a": (label,)}})


def test_fingerprint_without_weak_labels_is_that_of_older_versions():
    """Recorded with version 0.1.0: old runs find their images."""
    recorded = "7f0c6cb86e07b356"
    assert make().fingerprint()[:16] == recorded
    assert make(boxes={}, points={"else": (POINT,)}, full_masks={"else": Path("m")}).fingerprint()[:16] == recorded


def test_fingerprint_follows_weak_labels(tmp_path):
    for name, value in (("one", 1), ("two", 2), ("one again", 1)):
        Image.fromarray(np.full((2, 3), value, np.uint8)).save(tmp_path / f"{name}.png")
    sets = [make(), make(boxes={"a": (BOX,)}), make(boxes={"a": (BOX, BOX)}), make(boxes={"b 1": (BOX,)}),
            make(points={"a": (POINT,)}), make(scribbles={"a": (LINE,)}),
            make(scribble_masks={"a": tmp_path / "one.png"}), make(scribble_masks={"a": tmp_path / "two.png"}),
            make(full_masks={"a": tmp_path / "one.png"})]
    assert len({images.fingerprint() for images in sets}) == len(sets)
    assert make(full_masks={"a": tmp_path / "one again.png"}).fingerprint() == sets[-1].fingerprint()   # its contents
    orders = [dict.fromkeys(names, (BOX,)) for names in (("猫", "a"), ("a", "猫"))]
    assert make(boxes=orders[0]).fingerprint() == make(boxes=orders[1]).fingerprint()


@pytest.mark.parametrize("kind", ["scribble", "full"])
def test_masks_of_labels(tmp_path, kind):
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "a.png")
    ids = np.array([[0, 2, 255], [255, 255, 3]], np.uint8)
    files = {"grey": Image.fromarray(ids), "indexed": Image.fromarray(ids), "turned": Image.fromarray(ids.T.copy()),
             "strange": Image.fromarray(ids + np.uint8(2))}
    files["indexed"].putpalette(voc_palette()[::-1].tobytes())             # read by value, not by colour
    for name, picture in files.items():
        picture.save(tmp_path / f"{name}.png")
    names = tuple(files)
    images = make(names=(*names, "none"), **{f"{kind}_masks": {name: tmp_path / f"{name}.png" for name in names}})
    images = dataclasses.replace(images, images=dict.fromkeys(images.names, tmp_path / "a.png"))
    read = getattr(images, f"read_{kind}_mask")
    for name in ("grey", "indexed"):
        assert read(name).dtype == np.uint8 and read(name).tolist() == ids.tolist()
    for name, words in (("turned", "2x3 pixels, but its image has 3x2"), ("strange", "id 4 is no class"),
                        ("none", "'none' has no mask of labels; add one to the folder of data\\.")):
        with pytest.raises(ImageFault, match=words):
            read(name)


def test_sizes_and_saliency(tmp_path):
    Image.fromarray(np.array([[0, 7, 255]], np.uint8)).save(tmp_path / "s.png")
    images = make(names=("a", "b"), saliency={"a": tmp_path / "s.png"})
    images = dataclasses.replace(images, images={"a": tmp_path / "s.png", "b": tmp_path / "gone.png"})
    assert images.read_size("a") == (1, 3) and images.read_saliency("a").tolist() == [[0, 7, 255]]
    with pytest.raises(ImageFault, match="no such file"):
        images.read_size("b")
    with pytest.raises(ImageFault, match="no saliency map"):
        images.read_saliency("b")
