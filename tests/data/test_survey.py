"""The look at every file before a run: each bad input ends as one line, each unusual one as a copy."""

import dataclasses
import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.files import odd_images
from tests.data.test_reading import header_of
from tfwsss.data import reading
from tfwsss.data import survey as module
from tfwsss.data.image_set import ImageSet
from tfwsss.data.images import decode_image
from tfwsss.data.survey import survey
from tfwsss.data.weak_labels import Point
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette

PLAIN = {"grey", "png named jpg", "1x1", "one row", "exif 1"}


def jpeg(rows=30, columns=40) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (rows, columns, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def data_set(root: Path, files: dict[str, bytes], masks: dict[str, np.ndarray] | None = None) -> ImageSet:
    paths = {}
    for file, contents in files.items():
        name = file.rsplit(".", 1)[0]
        paths[name] = root / "images" / file
        paths[name].parent.mkdir(parents=True, exist_ok=True)
        paths[name].write_bytes(contents)
    for name, mask in (masks or {}).items():
        Image.fromarray(mask).save(root / f"{name} mask.png")
    return ImageSet(tuple(paths), root, ("background", "cat", "dog"), voc_palette(), images=paths,
                    labels={name: (0,) for name in paths},
                    masks={name: root / f"{name} mask.png" for name in masks or {}})


def test_unusual_images_are_used(tmp_path):
    kinds = odd_images()
    images = data_set(tmp_path / "data", {kind + ending: contents for kind, (ending, contents, _) in kinds.items()})
    usable, faults = survey(images, tmp_path / "run")
    assert not faults and usable.names == images.names and usable.fingerprint() == images.fingerprint()
    for kind, (_, _, expected) in kinds.items():
        path = usable.images[kind]
        assert (path == images.images[kind]) == (kind in PLAIN), kind
        assert path == images.images[kind] or path == tmp_path / "run" / "images" / f"{kind}.png"
        shown = decode_image(path.read_bytes()).numpy()
        assert (shown == reading.read_rgb(path)).all()
        assert np.abs(shown.astype(int) - expected).max() <= (40 if kind == "cmyk" else 0), kind


def broken_files() -> dict[str, tuple[bytes, str]]:
    whole = jpeg()
    return {"cut off.jpg": (whole[:len(whole) // 2], "broken or cut off"), "empty.jpg": (b"", "empty file"),
            "page.jpg": (b"<!DOCTYPE html><p>404", "web page"), "noise.png": (b"\x89PNG\r\n\x1a\nabc", "broken|not an"),
            "huge.png": (header_of(60_000, 60_000), "make it smaller"),
            "large.png": (header_of(9000, 9000), "9000x9000")}


def test_broken_images_are_listed_and_the_run_goes_on(tmp_path):
    broken = broken_files()
    files = {"猫 1.jpg": jpeg(), **{file: contents for file, (contents, _) in broken.items()}}
    images = data_set(tmp_path / "data", files)
    images = dataclasses.replace(images, images={**images.images, "gone": tmp_path / "gone.jpg"},
                                 names=(*images.names, "gone"), labels={**images.labels, "gone": ()},
                                 faults={"untagged": "untagged.jpg: has no row"})
    usable, faults = survey(images, tmp_path / "run")
    assert usable.names == ("猫 1",) and usable.images["猫 1"] == images.images["猫 1"]
    assert set(faults) == {"untagged", "gone", *(file[:-4] for file in broken)}
    for file, (_, words) in broken.items():
        assert file in faults[file[:-4]] and re.search(words, faults[file[:-4]])
    assert "no such file" in faults["gone"] and all("\n" not in fault for fault in faults.values())


def test_unreadable_files(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    images = data_set(tmp_path / "data", {"a.jpg": jpeg(), "b.jpg": jpeg()})
    images.images["b"].chmod(0)
    assert "right to read" in survey(images, tmp_path / "run")[1]["b"]


def test_an_image_of_more_pixels_than_allowed(tmp_path):
    images = data_set(tmp_path / "data", {"a.jpg": jpeg(30, 40), "b.jpg": jpeg(31, 40)})
    usable, faults = survey(images, tmp_path / "run", max_pixels=1200)
    assert usable.names == ("a",) and "40x31 pixels, more than 1,200" in faults["b"]
    assert survey(images, tmp_path / "run", max_pixels=1240)[0].names == ("a", "b")        # not remembered as a fault


def test_masks_that_do_not_fit_are_dropped(tmp_path):
    files = {f"{name}.jpg": jpeg() for name in ("good", "size", "ids", "torn", "ignore")}
    good = np.zeros((30, 40), np.uint8)
    images = data_set(tmp_path / "data", files, {"good": good + 2, "size": good.T.copy(), "ids": good + 3, "torn": good,
                                                 "ignore": good + 255})
    images.masks["torn"].write_bytes(b"\x89PNG\r\n\x1a\n")
    images = dataclasses.replace(images, saliency={"good": images.masks["size"], "ids": images.masks["good"]})
    usable, faults = survey(images, tmp_path / "run")
    assert usable.names == images.names and set(usable.masks) == {"good", "ignore"}
    assert set(faults) == {"good", "size", "ids", "torn"}
    assert "30x40 pixels, but its image has 40x30" in faults["size"] and "id 3 is no class" in faults["ids"]
    assert usable.saliency == {"ids": images.masks["good"]} and "30x40" in faults["good"]


def test_files_of_labels_that_do_not_fit_are_dropped(tmp_path):
    """Scribbles of a class that is no tag are another image's; full masks may show more than the tags say."""
    names = ("good", "size", "ids", "other", "torn")
    empty = np.full((30, 40), 255, np.uint8)
    cat, dog, strange = (np.where(np.arange(40) < 3, np.uint8(value), empty) for value in (1, 2, 3))
    images = data_set(tmp_path / "data", {f"{name}.jpg": jpeg() for name in names},
                      {"good": cat, "size": cat.T.copy(), "ids": strange, "other": dog, "torn": cat})
    images.masks["torn"].write_bytes(b"\x89PNG\r\n\x1a\n")
    scribbles = dataclasses.replace(images, masks={}, scribble_masks=images.masks)
    usable, faults = survey(scribbles, tmp_path / "run")
    assert usable.names == names and set(usable.scribble_masks) == {"good"} and set(faults) == set(names) - {"good"}
    assert "30x40 pixels, but its image has 40x30" in faults["size"] and "id 3 is no class" in faults["ids"]
    assert "scribbles of 'dog', which is none of the image's tags. The image is used without it" in faults["other"]
    assert survey(scribbles, tmp_path / "run") == (usable, faults)
    usable, faults = survey(dataclasses.replace(images, full_masks=images.masks), tmp_path / "run")
    assert set(usable.full_masks) == set(usable.masks) == {"good", "other"}


def test_weak_labels_leave_with_their_images(tmp_path):
    images = data_set(tmp_path / "data", {"a.jpg": jpeg(), "b.jpg": b""})
    point = (Point(1, 2.0, 2.0),)
    images = dataclasses.replace(images, points={"a": point, "b": point}, faults={"a": "its boxes are torn"})
    usable, faults = survey(images, tmp_path / "run")
    assert usable.points == {"a": point} and set(faults) == {"a", "b"} and faults["a"] == "its boxes are torn"


def test_a_second_survey_decodes_only_what_changed(tmp_path, monkeypatch):
    ending, contents, _ = odd_images()["alpha"]
    images = data_set(tmp_path / "data", {"a.jpg": jpeg(), "b.jpg": jpeg(), "c.jpg": b"", f"d{ending}": contents},
                      {"a": np.zeros((30, 40), np.uint8)})
    first = survey(images, tmp_path / "run")
    looked = []
    original = reading.opened
    monkeypatch.setattr(reading, "opened", lambda path, *more: looked.append(path.name) or original(path, *more))
    assert survey(images, tmp_path / "run") == first and not looked
    images.images["b"].write_bytes(jpeg(8, 9))
    (tmp_path / "run" / "images" / "d.png").unlink()
    usable, _ = survey(images, tmp_path / "run")
    assert set(looked) == {"b.jpg", f"d{ending}"} and usable.images["d"].is_file()
    (tmp_path / "run" / "survey.json").write_text("{damaged")
    assert survey(images, tmp_path / "run")[0] == usable


def test_copies_of_another_folder_in_their_place(tmp_path):
    """Two photographs of one name, both converted, looked at in turn: the copy is always that of the one asked for."""
    names = {"monday": np.full((4, 5, 4), 60, np.uint8), "tuesday": np.full((5, 4, 4), 90, np.uint8)}
    sets = {}
    for name, pixels in names.items():
        Image.fromarray(pixels).save(buffer := io.BytesIO(), "PNG")
        sets[name] = data_set(tmp_path / name, {"a.png": buffer.getvalue()})
    for name in ("monday", "tuesday", "monday", "monday", "tuesday"):
        usable, _ = survey(sets[name], tmp_path / "run")
        assert usable.images["a"] == tmp_path / "run" / "images" / "a.png"
        np.testing.assert_array_equal(usable.read_image("a"), reading.read_rgb(sets[name].images["a"]))


def test_an_interrupted_survey_keeps_what_it_found(tmp_path, monkeypatch):
    images = data_set(tmp_path / "data", {f"{number}.jpg": jpeg() for number in range(9)})

    def stop(done, _):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        survey(images, tmp_path / "run", progress=stop)
    looked = []
    original = module._look_at_image
    monkeypatch.setattr(module, "_look_at_image", lambda path, *more: looked.append(path) or original(path, *more))
    calls = []
    survey(images, tmp_path / "run", progress=lambda done, all_: calls.append((done, all_)))
    assert len(looked) <= 4 and calls == [(number, 9) for number in range(1, 10)]


def test_nothing_usable_stops(tmp_path):
    with pytest.raises(UserError, match="none of 1 images can be used. The first: .*empty file"):
        survey(data_set(tmp_path / "data", {"a.jpg": b""}), tmp_path / "run")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="could not be written"):
        survey(data_set(tmp_path / "data", {"a.jpg": jpeg()}), tmp_path / "file")


def test_masks_saved_as_0_and_255_end_the_run(tmp_path, caplog):
    """Where none holds a class although tags say that one is there, each time; where some do, the others are told."""
    files = {f"{name}.jpg": jpeg(8, 8) for name in "abc"}
    wrong, right = np.full((8, 8), 255, np.uint8), np.ones((8, 8), np.uint8)
    wrong[0] = 0
    images = data_set(tmp_path / "data", files, dict.fromkeys("abc", wrong))
    for _ in range(2):
        with pytest.raises(UserError, match="masks of .*data: of 3 masks .* 0 and 255 only; 255 means ignore: save"):
            survey(images, tmp_path / "run")
    survey(dataclasses.replace(images, labels=dict.fromkeys("abc", ())), tmp_path / "run")       # they show nothing
    images = data_set(tmp_path / "data", files, {"a": wrong, "b": right})
    with caplog.at_level("WARNING", "tfwsss"):
        assert survey(images, tmp_path / "run")[1] == {}
    assert "1 of 2 masks hold the ids 0 and 255 only" in caplog.text and "that of 'a'" in caplog.text


def test_a_folder_in_which_copies_would_lie_among_the_photographs(tmp_path):
    """Or in their place: a converted copy is `images/<name>.png`, as a photograph may be called."""
    images = data_set(tmp_path / "data", {"a.png": odd_images()["16 bits"][1]})
    before = (tmp_path / "data" / "images" / "a.png").read_bytes()
    for folder in (tmp_path / "data", tmp_path / "data" / "images", tmp_path / "data" / "x" / ".."):
        with pytest.raises(UserError, match="is where the photographs lie; name another folder by --run or --out"):
            survey(images, folder)
    assert (tmp_path / "data" / "images" / "a.png").read_bytes() == before
    assert survey(images, tmp_path / "data" / "run")[1] == {}


def test_scribbles_saved_as_255_end_the_run(tmp_path):
    """255 means not drawn: scribbles of the background alone are told, since tags say otherwise."""
    drawn = np.full((8, 8), 255, np.uint8)
    drawn[0] = 0
    images = data_set(tmp_path / "data", {"a.jpg": jpeg(8, 8)}, {"a": drawn})
    images = dataclasses.replace(images, masks={}, scribble_masks=images.masks)
    with pytest.raises(UserError, match="scribble_masks of .*: of 1 masks .* 0 and 255 only"):
        survey(images, tmp_path / "run")


def test_other_colours_are_looked_at_again(tmp_path):
    """What the table of colours made of a mask holds as long as the table."""
    palette = voc_palette()
    palette[[1, 200]] = palette[[200, 1]]
    images = data_set(tmp_path / "data", {"a.jpg": jpeg(8, 8)}, {"a": np.ones((8, 8), np.uint8)})
    Image.fromarray(palette[np.ones((8, 8), np.uint8)]).save(images.masks["a"])
    assert "id 200 is no class" in survey(images, tmp_path / "run")[1]["a"]
    images = dataclasses.replace(images, palette=palette)
    assert survey(images, tmp_path / "run")[1] == {}
