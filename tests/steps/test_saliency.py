"""The stage that makes saliency maps, and whose maps a rule reads."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.files import odd_images
from tests.support.fake_run import SIZE, image_set
from tfwsss.artefacts.saliency import read_saliency, write_saliency
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.refine.saliency import saliency
from tfwsss.runs.stage import Context, Stage
from tfwsss.settings.sections import DataSettings
from tfwsss.steps.saliency import SaliencySettings, saliency_maps, saliency_stages

MADE, GIVEN = DataSettings(saliency="make"), DataSettings(saliency=Path("maps of mine"))


@pytest.fixture
def images(tmp_path) -> ImageSet:
    return image_set(tmp_path / "data")


def test_maps_are_made_where_the_run_is_to_make_them(images):
    assert saliency_stages(DataSettings(), SaliencySettings(), images) == []
    assert saliency_stages(GIVEN, SaliencySettings(), images) == []
    stage, = saliency_stages(MADE, SaliencySettings(segments=50), images)
    assert (stage.name, stage.kind, stage.needs) == ("saliency", "saliency", ())
    assert stage.settings["segments"] == 50 and stage.settings["images"] == images.fingerprint()


def test_the_stage_writes_what_the_rule_finds(images, tmp_path):
    """What is there stays; a broken image is a fault of its own, and the others are made."""
    stage, = saliency_stages(MADE, SaliencySettings(segments=50), images)
    images.images["image 2"].write_bytes(b"torn")
    before = np.full(SIZE, 7, np.uint8)
    write_saliency(tmp_path / "out", "image 1", before)
    faults = stage.work(Context(workers=1), {}, tmp_path / "out")
    assert list(faults) == ["image 2"] and "image 2.png" in faults["image 2"]
    np.testing.assert_array_equal(read_saliency(tmp_path / "out", "image 1"), before)
    for name in ("image 0", "image 3", "image 4"):
        expected = saliency(images.read_image(name), segments=50)
        np.testing.assert_array_equal(read_saliency(tmp_path / "out", name), expected)


def test_unusual_images_are_images_like_others(tmp_path):
    kinds = ("grey", "cmyk", "16 bits", "alpha", "exif 6", "1x1", "one row", "animated")
    images = image_set(tmp_path / "data", len(kinds))
    for name, kind in zip(images.names, kinds, strict=True):
        images.images[name].write_bytes(odd_images()[kind][1])
    stage, = saliency_stages(MADE, SaliencySettings(), images)
    assert stage.work(Context(workers=1), {}, tmp_path / "out") == {}
    for name, kind in zip(images.names, kinds, strict=True):
        assert read_saliency(tmp_path / "out", name).shape == odd_images()[kind][2].shape[:2]


def test_who_reads_made_maps_needs_the_stage(images):
    reader = Stage("pseudo", "masks", ("cam",), {"a": 1}, dict)
    assert saliency_maps(DataSettings()) is None
    made, given = (saliency_maps(data).read_by(reader) for data in (MADE, GIVEN))
    assert (made.needs, made.settings) == (("cam", "saliency"), {"a": 1})
    assert (given.needs, given.settings) == (("cam",), {"a": 1, "saliency": "maps of mine"})


@pytest.mark.parametrize("data", [MADE, GIVEN], ids=["made", "given"])
def test_maps_are_read_from_where_they_are(images, tmp_path, data):
    """A missing one, and one of another size, is a fault of its image."""
    for name, side in (("image 0", 32), ("image 1", 30)):
        write_saliency(tmp_path / "maps", name, np.full((24, side), 9, np.uint8))
    if data is GIVEN:
        images = dataclasses.replace(images, saliency={f"image {place}": tmp_path / "maps" / f"image {place}.png"
                                                       for place in (0, 1)})
    maps, inputs = saliency_maps(data), {"saliency": tmp_path / "maps"} if data is MADE else {}
    assert (maps.read(images, inputs, "image 0", SIZE) == 9).all()
    with pytest.raises(ImageFault, match=r"image 1.png: a saliency map of \(24, 30\); expected .*\(24, 32\)"):
        maps.read(images, inputs, "image 1", SIZE)
    with pytest.raises(ImageFault, match="image 3"):
        maps.read(images, inputs, "image 3", SIZE)


def test_maps_given_by_the_user_may_be_of_any_mode(images, tmp_path):
    """Of a colour image the first channel counts, as ever."""
    Image.new("RGB", SIZE[::-1], (5, 6, 7)).save(tmp_path / "a.png")
    images = dataclasses.replace(images, saliency={"image 0": tmp_path / "a.png"})
    assert (saliency_maps(GIVEN).read(images, {}, "image 0", SIZE) == 5).all()
