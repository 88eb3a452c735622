"""From a network of pairs to kept maps; for the maps themselves see `tests.inference.decide.test_co_attention`."""

import functools

import keras
import numpy as np
import pydantic
import pytest

from tests.support.fake_run import image_set
from tests.support.whole_images import pictures, written
from tfwsss.artefacts.models import write_model
from tfwsss.artefacts.scores import read_scores
from tfwsss.backbones.small import small
from tfwsss.batches.pairs import draw_references, members_by_class
from tfwsss.data.pillow_resize import resize_as_pillow
from tfwsss.errors import UserError
from tfwsss.inference.decide.co_attention import merged_maps, reference_maps
from tfwsss.models.mcis import MCIS, feature_network, pair_network
from tfwsss.runs.shown import part_folders, shown_names
from tfwsss.runs.stage import Context
from tfwsss.steps.co_attention_maps import CoAttentionSettings, co_attention_maps, co_attention_stage, read_kept

SETTINGS = CoAttentionSettings(side=32, references=2, batch_size=2)


@pytest.fixture(scope="module")
def model() -> MCIS:
    keras.utils.set_random_seed(0)
    model = MCIS(small(width=0.1), 3)
    for kernel in model.get_layer("co_attention").trainable_variables:
        kernel.assign(kernel * 4)                              # so that references differ
    return model


@pytest.fixture
def images(tmp_path):
    """Five of 24x32 pixels, one or two of three classes each."""
    return image_set(tmp_path / "data")


features_of, pairs_of = functools.cache(feature_network), functools.cache(pair_network)


def features(model, image, side: int = 32) -> np.ndarray:
    return features_of(model)(np.float32(resize_as_pillow(image, (side, side)))[None])["features"].numpy()[0]


def expected(model, images, training, name, settings) -> np.ndarray:
    """Every feature by itself, references drawn by the image's name."""
    image, labels = images.read_image(name), images.labels[name]
    seen = {"features": features(model, image, settings.side)}
    if settings.self_views:
        seen |= {"mirrored": features_of(model)(np.float32(resize_as_pillow(image, (settings.side,) * 2))
                                                     [None, :, ::-1])["features"].numpy()[0],
                 "smaller": features(model, image, 24), "larger": features(model, image, 64)}
    members = members_by_class(training)
    others = np.stack([[features(model, training.read_image(other), settings.side) for other in draw_references(
        members[label], name, label, settings.references, settings.draw)] for label in labels]) \
        if settings.references else None
    return np.asarray(merged_maps(pairs_of(model), seen, others, np.int32(labels)))


def near(found, maps) -> None:
    """A level of grey may fall to either side of a whole number."""
    away = np.abs(found.astype(int) - maps)
    assert away.max() <= 1 and np.mean(away) < 0.02


def run_stage(model, images, folder, settings=SETTINGS, training=None) -> dict:
    """Runs the stage; returns its faults."""
    write_model(folder / "mcis", model)
    stage = co_attention_stage("maps", images, settings, "mcis", training or images)
    assert (stage.kind, stage.needs) == ("scores", ("mcis",))
    return stage.work(Context(), {"mcis": folder / "mcis"}, folder / "maps")


@pytest.mark.parametrize("settings", [SETTINGS, CoAttentionSettings(side=32, references=0),
                                      CoAttentionSettings(side=33, self_views=False, draw=5)],
                         ids=["both", "no references", "references alone"])
def test_kept_maps_are_the_merged_ones(model, images, tmp_path, settings):
    assert run_stage(model, images, tmp_path, settings) == {}
    for name in images.names:
        kept = read_scores(tmp_path / "maps", name)
        assert tuple(kept.classes) == images.labels[name] and kept.size == kept.covers == (24, 32)
        near(np.moveaxis(kept.scores, 0, -1), expected(model, images, images, name, settings))


def test_maps_do_not_depend_on_the_order_of_images(model, images, tmp_path):
    """Nor on which of them were made before."""
    run_stage(model, images, tmp_path / "a")
    run_stage(model, images.subset(reversed(images.names)), tmp_path / "b", training=images)
    some = tmp_path / "a" / "maps" / f"{images.names[2]}.npz"
    before = {name: read_scores(tmp_path / "a" / "maps", name).scores for name in images.names}
    some.unlink()
    run_stage(model, images, tmp_path / "a")
    for name in images.names:
        for run in ("a", "b"):
            near(read_scores(tmp_path / run / "maps", name).scores, before[name])


def test_references_come_from_the_images_trained_on(model, tmp_path):
    """A class that none of them shows has the image itself."""
    shown = [pictures(1, (24, 32), seed)[0] for seed in range(3)]
    training = written(tmp_path / "training", shown[:2], [(0,), (1,)])
    own = written(tmp_path / "own", shown[2:], [(0, 2)])
    settings = CoAttentionSettings(side=32, self_views=False)
    assert run_stage(model, own, tmp_path, settings, training) == {}
    others = np.stack([[features(model, shown[0])] * 3, [features(model, shown[2])] * 3])
    maps = merged_maps(pairs_of(model), {"features": features(model, shown[2])}, others, np.int32([0, 2]))
    near(np.moveaxis(read_scores(tmp_path / "maps", "image 0").scores, 0, -1), np.asarray(maps))


def test_a_torn_reference_is_replaced_and_a_torn_image_is_a_fault(model, images, tmp_path):
    alone = next(name for name in images.names if images.labels[name] == (1,))
    images.images[alone].write_bytes(b"torn")
    faults = run_stage(model, images, tmp_path)
    assert list(faults) == [alone]
    assert {path.stem for path in (tmp_path / "maps").glob("*.npz")} == set(images.names) - {alone}


def test_maps_apart_are_those_of_each_reference(model, images):
    maps = co_attention_maps(model, SETTINGS, images)
    name = "image 3"
    seen = {key: each[0] for key, each in maps.see(images.read_image(name)[None]).items()}
    found = maps.apart(seen, name, images.labels[name])
    others = np.stack([[features(model, images.read_image(other)) for other in names]
                       for names in maps.drawn(name, images.labels[name])])
    wanted = np.asarray(reference_maps(pairs_of(model), seen, others, np.int32(images.labels[name])))
    assert list(found) == ["1", "2"]
    for place, one in enumerate(found.values()):
        np.testing.assert_allclose(one, wanted[:, place], rtol=1e-3, atol=1e-4)


def test_some_references_of_each_class_go_with_the_network(model, images, tmp_path):
    """In half precision, the same for every image; a resumed stage leaves them."""
    run_stage(model, images, tmp_path)
    kept, members = read_kept(tmp_path / "maps"), members_by_class(images)
    assert kept.shape == (3, 2, 8, 8, 10) and kept.dtype == np.float16
    for label in range(3):
        for place, name in enumerate(draw_references(members[label], "", label, 2)):
            alone = features(model, images.read_image(name))
            np.testing.assert_allclose(kept[label, place], alone, rtol=2e-3, atol=1e-3)
    before = (tmp_path / "maps" / "references.npy").stat().st_mtime_ns
    (tmp_path / "maps" / "image 0.npz").unlink()
    run_stage(model, images, tmp_path)
    assert (tmp_path / "maps" / "references.npy").stat().st_mtime_ns == before
    (tmp_path / "maps" / "references.npy").write_bytes(b"torn")
    with pytest.raises(UserError, match="references.npy: cannot be read .*; .* add --redo maps"):
        read_kept(tmp_path / "maps")


def test_stages_know_what_references_are_drawn_from(images):
    def facts(training) -> dict:
        return co_attention_stage("maps", images, SETTINGS, "mcis", training).settings

    assert facts(images) == facts(images.subset(images.names))
    assert facts(images) != facts(images.subset(images.names[:3]))
    assert facts(images)["references"] == 2


def test_sides_of_the_other_views():
    assert SETTINGS.edges(4) == {"smaller": 24, "larger": 64}
    assert CoAttentionSettings(side=225, corners_aligned=True).edges(16) == {"smaller": 161, "larger": 449}
    assert CoAttentionSettings(self_views=False).edges(4) == {}
    with pytest.raises(pydantic.ValidationError, match="seen beside nothing; set references to 1 or more"):
        CoAttentionSettings(references=0, self_views=False)


def test_maps_by_each_reference_are_kept_of_the_images_that_are_shown(model, images, tmp_path):
    run_stage(model, images, tmp_path)
    parts = part_folders(tmp_path / "maps")
    assert list(parts) == ["by reference 1", "by reference 2"]
    maps = co_attention_maps(model, SETTINGS, images)
    for name in shown_names(images, images.names):
        seen = {key: each[0] for key, each in maps.see(images.read_image(name)[None]).items()}
        for place, planes in maps.apart(seen, name, images.labels[name]).items():
            kept = read_scores(parts[f"by reference {place}"], name)
            assert tuple(kept.classes) == images.labels[name] and kept.size == (24, 32)
            np.testing.assert_allclose(kept.scores, planes, rtol=2e-3, atol=1e-3)
