"""Whole images to masks: stage by stage, in one go and inside a graph, by every rule and kind of view.

The three ways differ by rounding alone; identical ids are asked of 99.99 % of the pixels.
"""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.untrained import CLASSES, untrained_run
from tests.support.whole_images import pictures, written
from tfwsss.artefacts.scores import Scores, read_scores, write_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.co_attention import merged_maps
from tfwsss.inference.decide.decision import Decision, scores_of_all
from tfwsss.inference.decide.probability import decide_by_probability
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.masker import Masker
from tfwsss.inference.see import see
from tfwsss.inference.sharpen import sharpen_arrays
from tfwsss.inference.views import Picture
from tfwsss.methods.opened import load_run

pytestmark = pytest.mark.large

CRF = {"iterations": 3, "position_deviation": 12.0}
OWN = {"canvas": None, "scales": [1.0, 0.5], "mirror": True}
RUNS: dict[str, tuple] = {
    "threshold": ("affinitynet", {"cam_masks": {"threshold": 0.3}}, "cam_masks"),
    "threshold at own size": ("affinitynet", {"cam_masks": {"threshold": 0.3}, "cam": OWN}, "cam_masks"),
    "icd": ("icd", {"pseudo": CRF}, "pseudo"),
    "icd at own size": ("icd", {"pseudo": CRF, "cam": OWN, "scores": OWN}, "pseudo"),
    "walk": ("affinitynet", {"walk": {"alpha": 4.0}, "pseudo": CRF}, "pseudo"),
    "walk at own size": ("affinitynet", {"walk": {"alpha": 4.0}, "pseudo": {"iterations": 0}, "cam": OWN}, "pseudo"),
    "co-attention": ("mcis", {"pseudo": CRF}, "pseudo"),
    "co-attention without references": ("mcis", {"maps": {"references": 0}, "pseudo": {"iterations": 0}}, "pseudo"),
    "stretched": ("mcis", {"cam_masks": {"threshold": 0.3}, "cam": {"scales": [1.0, 0.5], "mirror": True}},
                  "cam_masks"),
    "refined at own size": ("seam", {"walk": {"alpha": 4.0}, "pseudo": {"iterations": 0}, "maps": OWN}, "pseudo"),
    "probability": ("retrain", {}, "masks"),
    "probability without CRF": ("retrain", {"masks": {"crf": {"iterations": 0}}}, "masks"),
}
SIZES = [(48, 64), (130, 70), (48, 64), (1, 40), (90, 1), (1, 1), (48, 64), (33, 150), (64, 64)]
LABELS = [(0, 2), (1,), (0, 1, 2), (2,), (), (0,), (1, 2), (0, 1), (0,)]
REPEATED = {"walk at own size", "probability without CRF"}   # by "refined at own size" and "probability": see, decide
EACH = pytest.mark.parametrize("key", [pytest.param(key, marks=[pytest.mark.slow] * (key in REPEATED)) for key in RUNS])


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    shown = [pictures(1, size, seed)[0] for seed, size in enumerate(SIZES)]
    return written(tmp_path_factory.mktemp("photos"), shown, LABELS)


@pytest.fixture(scope="module")
def maskers(tmp_path_factory):
    """A function of a key of `RUNS` to its Masker, each made once."""
    def make(key: str) -> Masker:
        method, sections, stage = RUNS[key]
        return load_run(untrained_run(tmp_path_factory.mktemp("runs") / "run", method, **sections)).masker(stage)[1]

    return functools.cache(make)


@pytest.fixture(scope="module")
def masks(maskers, images):
    """A function of a key and whether tags count to the masks of all images, in one go."""
    return functools.cache(lambda key, tagged: {
        name: found.mask for name, found in maskers(key).masks(images, images.names, tagged)})


def same(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Asserts identical ids on at least 99.99 % of the pixels, and that the masks are not all one id."""
    assert all(found.shape == wanted.shape and found.dtype == np.uint8 for found, wanted in pairs)
    assert len({value for found, _ in pairs for value in np.unique(found)}) > 1
    different = sum(int((found != wanted).sum()) for found, wanted in pairs)
    assert different <= 1e-4 * sum(found.size for found, _ in pairs)


def stage_by_stage(masker: Masker, images: ImageSet, folder) -> dict[str, np.ndarray]:
    """Maps are written and read again in half precision, the rule decides on them, then the CRF runs on arrays."""
    keys, found = tuple(masker.network.output), {}
    rule = KeptRule(masker.decide, keys, image=True)
    for name, maps in masker.seer.scores(images, images.names):
        for key in keys:
            write_scores(folder / key, name, maps[key])
        image = images.read_image(name)
        ids = rule({key: read_scores(folder / key, name) for key in keys}, image)
        found[name] = sharpen_arrays(masker.crf, None, ids, image, masker.num_ids)
    return found


def co_attention_one_by_one(masker: Masker, images: ImageSet, folder) -> dict[str, np.ndarray]:
    """Merged maps are written and read again; the rule behind them decides."""
    pairs, references, corners_aligned, then = masker.decide.args
    rule, found = KeptRule(then, ("cam",)), {}
    for name in images.names:
        image, labels = images.read_image(name), np.array(images.labels[name], np.int32)
        seen = {key: each[0] for key, each in masker.see(image[None]).items() if key != "cam"}
        kept = references(labels) if references else None
        merged = merged_maps(pairs, seen, kept, labels, corners_aligned)
        write_scores(folder / "maps", name, Scores(labels, np.moveaxis(merged, -1, 0), image.shape[:2]))
        found[name] = sharpen_arrays(masker.crf, None, rule({"cam": read_scores(folder / "maps", name)}), image,
                                     masker.num_ids)
    return found


def probabilities_one_by_one(masker: Masker, images: ImageSet) -> dict[str, np.ndarray]:
    found = {}
    for name in images.names:
        image = images.read_image(name)
        maps = {key: each[0] for key, each in masker.seer(image[None]).items()}
        classes = np.array(images.labels[name], np.int32)
        decision = decide_by_probability(maps, Picture(image.shape[:2], masker.seer.covered(image.shape[:2])), classes)
        places, ids = decision.ids.numpy(), np.append(0, classes + 1)
        scores = np.zeros((*places.shape, masker.num_ids), np.float32)
        scores[..., ids] = decision.scores
        found[name] = sharpen_arrays(masker.crf, scores, ids[places], image, masker.num_ids)
    return found


@EACH
def test_stage_by_stage_gives_the_masks_of_one_go(maskers, masks, images, tmp_path, key):
    """With tags, as stages work."""
    if key.startswith("probability"):
        by_stages = probabilities_one_by_one(maskers(key), images)
    else:
        work = co_attention_one_by_one if key.startswith("co-attention") else stage_by_stage
        by_stages = work(maskers(key), images, tmp_path)
    same([(masks(key, True)[name], by_stages[name]) for name in images.names])


@EACH
def test_a_graph_gives_the_masks_of_one_go(maskers, masks, images, key):
    """As exported: one photograph of unknown size, with tags and without; one trace for all."""
    masker = maskers(key)

    def work(image, tags):
        seen = [see(functools.partial(network, training=False), masker.stride, view, image[None], masker.num_ids)
                for network, view in masker.looks]
        maps = {key: each[0] for found in seen for key, each in found.items()}
        return masker.answer(maps, image, tags), masker.answer(maps, image, None)

    traced = tf.function(work, autograph=False, input_signature=[tf.TensorSpec((None, None, 3), tf.uint8),
                                                                 tf.TensorSpec((None,), tf.bool)])
    found = {name: traced(images.read_image(name), images.multi_hot(name) > 0) for name in images.names}
    assert traced.experimental_get_tracing_count() == 1
    for place, tagged in enumerate((True, False)):
        same([(masks(key, tagged)[name], answers[place].mask.numpy()) for name, answers in found.items()])
        for name, answers in found.items():
            scores, likely = answers[place].scores.numpy(), answers[place].likely.numpy()
            assert scores.shape == (*masks(key, tagged)[name].shape, len(CLASSES)) and likely.shape == (3,)
            assert scores.min() >= 0 and scores.max() <= 1 + 1e-6 and likely.min() >= 0 and likely.max() <= 1


@EACH
def test_tags_are_the_only_classes_that_count(masks, images, key):
    for name, mask in masks(key, True).items():
        assert set(np.unique(mask)) <= {0, 255, *(label + 1 for label in images.labels[name])}
    assert any((masks(key, False)[name] != mask).any() for name, mask in masks(key, True).items())


@EACH
def test_one_image_alone_gets_the_mask_that_it_gets_among_others(maskers, masks, images, key):
    alone = {name: found.mask for name in images.names
             for _, found in maskers(key).masks(images, [name], tagged=False)}
    same([(alone[name], masks(key, False)[name]) for name in images.names])


def test_what_cannot_be_read_is_a_fault_beside_the_others(maskers, images, tmp_path):
    """Every image once; with its pixels, so that nobody need read it again."""
    own = written(tmp_path, [images.read_image(name) for name in images.names], LABELS)
    own.images["image 2"].write_bytes(b"no image")
    pairs = list(maskers("threshold").masks(own, own.names, tagged=True))
    found = dict(pairs)
    assert len(pairs) == len(found) == len(SIZES) and isinstance(found.pop("image 2"), ImageFault)
    for name, each in found.items():
        np.testing.assert_array_equal(each.image, own.read_image(name))
        assert each.certainty is None


@pytest.mark.parametrize("key", ["threshold", "icd", "probability"])
def test_certainty_is_the_largest_score_before_the_crf(maskers, masks, images, key):
    masker = maskers(key)
    for name, found in masker.masks(images, images.names, tagged=True, certainty=True):
        image = images.read_image(name)
        maps = {key: each[0] for key, each in masker.seer(image[None]).items()}
        _, scores, _ = masker.decided(maps, tf.constant(image), images.multi_hot(name) > 0)
        assert found.certainty.shape == image.shape[:2] and found.certainty.dtype == np.float32
        np.testing.assert_allclose(found.certainty, scores.numpy().max(axis=-1), atol=2e-3)
        assert np.mean(found.mask == masks(key, True)[name]) >= 0.9999


def test_a_rule_that_knows_its_certainty_is_not_asked_for_scores(maskers, images):
    """Else certainty is the largest score; scores that nobody reads are not computed."""
    masker, size = maskers("threshold"), SIZES[0]
    named = {"image 0": images.images["image 0"]}
    one = dataclasses.replace(images, names=("image 0",), images=named)

    def refused():
        raise AssertionError("scores were computed")

    def decide(scores, certainty, maps, picture, classes):
        planes = tf.numpy_function(refused, [], tf.float32, stateful=False) if scores is None else scores
        planes = tf.ensure_shape(planes, (*size, 4))
        return Decision(planes, tf.zeros(picture.size, tf.int32), certainty)

    given, scores = tf.random.stateless_uniform(size, (1, 2)), tf.random.stateless_uniform((*size, 4), (3, 4))
    for rule, expected in (((None, given), given), ((scores, None), tf.reduce_max(scores, axis=-1)),
                           ((scores, given), given)):
        own = dataclasses.replace(masker, decide=functools.partial(decide, *rule))
        (_, found), = own.masks(one, one.names, tagged=True, certainty=True)
        np.testing.assert_array_equal(found.certainty, expected)


@pytest.mark.parametrize("tagged", [True, False])
def test_a_masker_traces_its_rule_once_for_all_sizes(maskers, images, tagged):
    masker, calls = maskers("icd"), []
    counted = Masker(masker.network, masker.num_ids, masker.view, masker.presence,
                     lambda *arguments: calls.append(1) or masker.decide(*arguments), masker.crf)
    for _ in range(2):
        assert len(list(counted.masks(images, images.names, tagged))) == len(SIZES)
    assert len(calls) == 1


def test_pydensecrf_is_asked_where_it_is_set(maskers, images, monkeypatch):
    """Not inside a graph, where the lattice stands for it."""
    asked, masker = [], maskers("icd")
    other = Masker(masker.network, masker.num_ids, masker.view, masker.presence, masker.decide,
                   masker.crf._replace(implementation="pydensecrf"))
    monkeypatch.setattr("tfwsss.inference.sharpen.dense_crf",
                        lambda unary, image, **more: asked.append(more["implementation"]) or -unary)
    list(other.masks(images, images.names, tagged=True))
    assert asked == ["pydensecrf"] * len(SIZES)
    image = images.read_image("image 0")
    maps = {key: each[0] for key, each in masker.seer(image[None]).items()}
    assert other.answer(maps, tf.constant(image)).mask.shape == image.shape[:2] and len(asked) == len(SIZES)


@pytest.mark.parametrize("classes", [[0, 2], [3], [0, 1, 2, 3], []])
def test_scores_of_classes_that_do_not_count_are_nothing(classes):
    planes = np.random.default_rng(0).random((3, 5, 1 + len(classes))).astype(np.float32)
    found = scores_of_all(Decision(tf.constant(planes), None), tf.constant(np.isin(np.arange(4), classes)), 5).numpy()
    ids = [0, *(label + 1 for label in classes)]
    np.testing.assert_array_equal(found[..., ids], planes)
    assert found.shape == (3, 5, 5) and not np.delete(found, ids, axis=-1).any()
