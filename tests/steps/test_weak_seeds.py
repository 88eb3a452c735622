import dataclasses

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import image_set
from tfwsss.artefacts.files import finished
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.artefacts.scores import Scores, write_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.data.weak_labels import Box, Point, Scribble
from tfwsss.errors import ImageFault, UserError
from tfwsss.refine.box_seeds import box_objects, box_seeds
from tfwsss.refine.sparse_seeds import draw_points, draw_scribbles, segments_of, sparse_seeds, spread
from tfwsss.refine.superpixels import slic
from tfwsss.runs.stage import Context
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.weak_seeds import SeedMaker, WeakSeedSettings, normalised, weak_seed_stage

# no CRF: the marginals are the shares of the scores, and the right seeds can be reckoned
SETTINGS = WeakSeedSettings(crf=CRFSettings(iterations=0), segments=20000, certain=0.6)
NAMES = [f"image {number}" for number in range(5)]


@pytest.fixture
def images(tmp_path) -> ImageSet:
    """Of 24x32 pixels, one or two of three classes each: tags, clicks, boxes, scribbles and a mask."""
    found = image_set(tmp_path / "data")
    ids = found.read_mask(NAMES[3])
    write_mask(tmp_path / "data" / "scribbles", NAMES[4], np.where(np.arange(32) % 5, 255, ids).astype(np.uint8),
               found.palette)
    return dataclasses.replace(
        found, points={NAMES[1]: (Point(2, 10.5, 6.0), Point(0, 28.0, 20.0), Point(2, 40.0, 3.0))},
        boxes={NAMES[2]: (Box(3, 4, 3, 21, 13), Box(1, 5, 11, 40, 21)), NAMES[3]: (Box(1, 5, 4, 20, 12),)},
        scribbles={NAMES[3]: (Scribble(1, ((6, 6), (17, 6))), Scribble(0, ((24, 2), (24, 20))))},
        scribble_masks={NAMES[4]: tmp_path / "data" / "scribbles" / f"{NAMES[4]}.png"},
        full_masks={NAMES[0]: found.masks[NAMES[0]]})


def cam_of(images, name) -> Scores:
    """Class maps of the image's size that rise to the right of 0 where the class is, weak elsewhere."""
    ids = read_ids(images, name)
    ramp = np.linspace(0.3, 1.0, 32, dtype=np.float32)
    planes = [np.where(ids == label + 1, ramp, 0.005) for label in images.labels[name]]
    return Scores(np.array(images.labels[name], np.int32), np.stack(planes), ids.shape)


def read_ids(images, name):
    """The rectangles that `image_set` draws, also of the image whose mask is kept back."""
    ids = np.zeros((24, 32), np.uint8)
    for step, label in enumerate(images.labels[name]):
        ids[4 + 8 * step:12 + 8 * step, 5:20] = label + 1
    return ids


def sure_by_hand(images, name, classes=None) -> np.ndarray:
    """Seeds of tags without a CRF: the best of each class' values, and what is surely background."""
    cam, seeds = cam_of(images, name), np.full((24, 32), 255, np.uint8)
    maps = {label + 1: plane.astype(float) / (plane.max() + 1e-5)
            for label, plane in zip(cam.classes, cam.scores, strict=True) if classes is None or label + 1 in classes}
    strongest = np.max(list(maps.values()), axis=0)
    for ids, plane in maps.items():
        values = np.sort(plane[(plane == strongest) & (plane > 0.01) & (plane > (1 - strongest) ** 24)])
        top = plane > values[int(0.6 * values.size)] + 1e-9
        share = plane / ((1 - strongest) ** 4 + np.sum(list(maps.values()), axis=0))
        seeds[(plane == strongest) & top & (share > 0.6)] = ids
    quiet = (1 - strongest) ** 24 > 0.8
    seeds[quiet] = 0
    return seeds


def made(images, name, **changes):
    maker = SeedMaker(images, SETTINGS.model_copy(update=changes), views=1)
    return maker.supervision(name), maker.seeds(name, lambda: cam_of(images, name))


def test_of_each_image_the_strongest_label(images):
    assert [made(images, name)[0] for name in NAMES] == ["mask", "point", "box", "scribble", "scribble"]
    plain = dataclasses.replace(images, full_masks={}, points={}, boxes={}, scribbles={}, scribble_masks={})
    assert {made(plain, name)[0] for name in NAMES} == {"image"}


@pytest.mark.parametrize(("asked", "kinds"), [
    ("image", ["image"] * 5), ("point", ["image", "point", "image", "image", "image"]),
    ("box", ["image", "image", "box", "box", "image"]), ("scribble", ["image"] * 3 + ["scribble"] * 2)])
def test_one_kind_for_all_that_have_it_and_tags_for_the_others(images, asked, kinds):
    assert [made(images, name, supervision=asked)[0] for name in NAMES] == kinds


@pytest.mark.parametrize("name", NAMES)
def test_tags_give_the_surest_labels(images, name):
    found, expected = made(images, name, supervision="image")[1], sure_by_hand(images, name)
    np.testing.assert_array_equal(found, expected)
    assert set(np.unique(found)) == {0, *(label + 1 for label in images.labels[name]), 255}


def test_a_mask_is_taken_as_it_is(images):
    np.testing.assert_array_equal(made(images, NAMES[0])[1], images.read_mask(NAMES[0]))


def test_boxes_give_objects_that_class_maps_of_their_classes_confirm(images):
    name = NAMES[2]
    boxes, image = images.boxes[name], images.read_image(name)
    expected = box_seeds(box_objects(image, boxes), sure_by_hand(images, name, {1, 3}))
    np.testing.assert_array_equal(made(images, name)[1], expected)
    inside = np.zeros((24, 32), bool)
    inside[3:13, 4:21], inside[11:21, 5:] = True, True
    assert not expected[~inside].any() and (expected[inside] == 255).any()
    switched = made(images, name, box_background=False)[1]
    np.testing.assert_array_equal(switched, np.where(inside, expected, 255))
    assert images.labels[name] == (2,) and (expected == 1).any()                 # no tag and no map, but a box


def test_classes_of_tags_that_no_box_holds_are_sought_around_the_boxes(images):
    """There is no background around boxes but what class maps are sure of; inside, they compete for the pixels."""
    name = NAMES[3]
    image, boxes = images.read_image(name), images.boxes[name]
    assert images.labels[name] == (0, 1) and boxes[0].class_id == 1                     # id 2 is shown, and has no box
    confident = sure_by_hand(images, name)
    expected = box_seeds(box_objects(image, boxes), confident, box_background=False)
    around = np.ones((24, 32), bool)
    around[4:12, 5:20] = False
    expected[around] = np.where(np.isin(confident, (0, 2)), confident, 255)[around]
    found = made(images, name, supervision="box")[1]
    np.testing.assert_array_equal(found, expected)
    assert {0, 2, 255} <= set(np.unique(found[around])) and (found[~around] == 1).any()
    switched = made(images, name, supervision="box", box_background=False)[1]
    np.testing.assert_array_equal(switched[around], 255)


def test_objects_of_boxes_may_be_those_of_grabcut_alone(images):
    """Class maps are read only where a tag names a class without a box, and say nothing inside."""
    maker = SeedMaker(images, SETTINGS.model_copy(update={"objects_alone": True, "box_fallback": False}), views=1)
    found = maker.seeds(NAMES[2], lambda: pytest.fail("were read"))
    objects = box_objects(images.read_image(NAMES[2]), images.boxes[NAMES[2]])
    np.testing.assert_array_equal(found, np.select([objects.owner == 0, objects.owner == 1], objects.ids, 0))
    assert set(np.unique(found)) == {0, 1, 3} and (made(images, NAMES[2])[1] == 255).any()
    objects = box_objects(images.read_image(NAMES[3]), images.boxes[NAMES[3]])
    expected = np.where(objects.owner == 0, 1, 255).astype(np.uint8)
    around, loose = np.ones((24, 32), bool), sure_by_hand(images, NAMES[3], {2})
    around[4:12, 5:20] = False
    expected[around] = np.where(np.isin(loose, (0, 2)), loose, 255)[around]
    np.testing.assert_array_equal(made(images, NAMES[3], supervision="box", objects_alone=True)[1], expected)


def test_without_class_maps_grabcut_and_superpixels_decide(images):
    """No class map is read, and images of which only class maps could tell are refused at once."""
    own = {"confident": False}
    image, regions = images.read_image(NAMES[2]), slic(images.read_image(NAMES[1]), segments_of((24, 32), 20000), 10.0)
    nothing = np.full((24, 32), 255, np.uint8)
    maker = SeedMaker(images, SETTINGS.model_copy(update=own), views=1)
    found = {name: maker.seeds(name, lambda: pytest.fail("were read")) for name in NAMES[:4]}
    np.testing.assert_array_equal(found[NAMES[2]], box_seeds(box_objects(image, images.boxes[NAMES[2]]), nothing))
    np.testing.assert_array_equal(found[NAMES[1]], spread(draw_points(images.points[NAMES[1]], (24, 32)), regions))
    assert weak_seed_stage("seeds", images, SETTINGS.model_copy(update=own), "cam", views=1).needs == ()
    with pytest.raises(UserError, match="seeds.confident is false, but 4 of 5 images have only tags .'image 0' is one"):
        weak_seed_stage("seeds", images, SETTINGS.model_copy(update={**own, "supervision": "point"}), "cam", views=1)


@pytest.mark.parametrize(("name", "classes"), [(NAMES[1], {2}), (NAMES[3], {1}), (NAMES[4], None)])
def test_clicks_and_scribbles_lead_superpixels_over_class_maps_of_their_classes(images, name, classes):
    image = images.read_image(name)
    regions = slic(image, segments_of((24, 32), 20000), 10.0)
    drawn = {NAMES[1]: lambda: draw_points(images.points[name], (24, 32)),
             NAMES[3]: lambda: draw_scribbles(images.scribbles[name], (24, 32)),
             NAMES[4]: lambda: images.read_scribble_mask(name)}[name]()
    classes = classes or set(np.unique(drawn)) - {0, 255}
    kind, found = made(images, name)
    np.testing.assert_array_equal(found, sparse_seeds(drawn, regions, sure_by_hand(images, name, classes)))
    alone = made(images, name, superpixels_alone=(kind,))[1]
    np.testing.assert_array_equal(alone, spread(drawn, regions))
    np.testing.assert_array_equal(SeedMaker(images, SETTINGS, views=1).superpixels(name), alone)
    assert (alone == 255).sum() > (found == 255).sum() and {0} < set(np.unique(found)) - {255} <= {0, *classes}


def test_maps_are_read_only_where_they_are_needed(images):
    maker = SeedMaker(images, SETTINGS.model_copy(update={"superpixels_alone": ("scribble", "point")}), views=1)
    for name in (NAMES[0], NAMES[1], NAMES[3]):
        maker.seeds(name, lambda: pytest.fail("were read"))


def test_maps_of_another_image_are_refused(images):
    maker = SeedMaker(images, SETTINGS, views=1)
    with pytest.raises(ImageFault, match=r"image 2: class maps of an image of \(24, 30\); expected \(24, 32\)"):
        maker.seeds(NAMES[2], lambda: cam_of(images, NAMES[2])._replace(size=(24, 30)))


def test_maps_of_several_views_are_divided_by_their_sums_maximum():
    cam = Scores(np.array([4]), np.float32([[[-1.0, 0.5, 1e-5]]]), (1, 3))
    np.testing.assert_allclose(normalised(cam, 2), [[[0, 0.5 / 0.500005, 1e-5 / 0.500005]]], rtol=1e-5)


def work(images, folder, settings=SETTINGS):
    """Runs the stage; returns its faults."""
    stage = weak_seed_stage("seeds", images, settings, "cam", views=1)
    assert (stage.kind, stage.needs, stage.split) == ("masks", ("cam",), "training")
    return stage.work(Context(), {"cam": folder / "cam"}, folder / "seeds")


def test_stage_makes_what_is_missing_the_same_in_any_order(images, tmp_path):
    for name in NAMES:
        write_scores(tmp_path / "cam", name, cam_of(images, name))
    assert work(images, tmp_path) == {}
    assert finished(tmp_path / "seeds", "masks", NAMES) == set(NAMES)
    first = {name: read_mask(tmp_path / "seeds", name) for name in NAMES}
    with Image.open(tmp_path / "seeds" / f"{NAMES[2]}.png") as image:
        assert image.mode == "P"                                                 # ids, and colours to look at
    for name in NAMES[1:4]:
        (tmp_path / "seeds" / f"{name}.png").unlink()
    work(images.subset(reversed(NAMES)), tmp_path)
    for name in NAMES:
        np.testing.assert_array_equal(read_mask(tmp_path / "seeds", name), first[name], err_msg=name)


def test_images_without_maps_are_told(images, tmp_path):
    faults = work(images, tmp_path)
    assert set(faults) == {NAMES[1], NAMES[2], NAMES[3], NAMES[4]}               # a mask needs none
    assert finished(tmp_path / "seeds", "masks", NAMES) == {NAMES[0]}
