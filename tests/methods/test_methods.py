"""What holds for every method: its stages, their order, and which settings make which of them stale."""

import json

import pytest

from tests.support.fake_run import image_set
from tests.support.shapes import KINDS, SHAPES
from tfwsss import methods
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.runs import runner
from tfwsss.runs.stage import Context, Stage
from tfwsss.settings import reading
from tfwsss.settings.reading import merge
from tfwsss.settings.sections import RunSettings
from tfwsss.train import build_parser

EACH = pytest.mark.parametrize(("method", "values", "names"), SHAPES.values(), ids=SHAPES)
FACTS = {"images", "versions", "saliency", "training", "supervision", "classes", "rule"}
"""What else than its section's settings a stage depends on."""


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))


def built(method: str, values: dict) -> RunSettings:
    return reading.build(methods.get(method).config, {"method": method, **values}, "test")


def stages(method: str, values: dict, images: ImageSet, other: ImageSet | None = None) -> dict[str, Stage]:
    found = methods.get(method).stages(built(method, values), Splits(images, other or images))
    return {stage.name: stage for stage in found}


def test_every_method_is_here():
    assert {method for method, _, _ in SHAPES.values()} == set(methods.METHODS)


@EACH
def test_the_stages(images, method, values, names):
    found = stages(method, values, images)
    assert list(found) == names.split()
    assert {name: stage.kind for name, stage in found.items()} == {name: KINDS[name] for name in found}
    fields = set(type(built(method, values)).model_fields) | ({"labels"} if method == "retrain" else set())
    assert {stage.section or name for name, stage in found.items()} - fields == set()


@EACH
def test_stages_come_after_those_they_need(images, method, values, names):
    """What is given stands for a stage, whatever that one would have read."""
    before = set()
    for name, stage in stages(method, values, images).items():
        if name in values.get("given", {}):
            before.add(name)
            continue
        assert set(stage.needs) <= before and len(set(stage.needs)) == len(stage.needs)
        before.add(name)


@pytest.mark.parametrize(("shape", "needs"), [
    ("icd", {"pseudo": "seeds", "cam": "icd", "scores": "icd"}), ("icd, saliency", {"pseudo": "scores cam"}),
    ("icd, saliency made", {"saliency": "", "pseudo": "scores cam saliency", "cam": "icd"}),
    ("affinitynet, cam_crf", {"classifier": "", "cam": "classifier", "cam_masks": "cam", "cam_crf": "cam_masks",
                              "marginals": "cam cam_masks", "labels": "marginals", "affinity": "marginals",
                              "walk": "cam cam_masks affinity", "pseudo": "walk", "segmenter": "pseudo",
                              "relabel": "segmenter pseudo"}),
    ("affinitynet, labels", {"affinity": "labels"}),
    ("mcis", {"mcis": "", "cam": "mcis", "cam_masks": "cam", "maps": "mcis", "labels": "maps", "pseudo": "labels"}),
    ("mcis, saliency made", {"saliency": "", "pseudo": "maps saliency"}),
    ("oaa", {"oaa": "", "cam": "oaa", "accumulated": "oaa", "oaa_plus": "accumulated", "maps": "oaa_plus",
             "labels": "maps", "pseudo": "labels"}),
    ("oaa, one network", {"labels": "accumulated"}), ("oaa, saliency", {"pseudo": "maps"}),
    ("oaa, saliency made", {"saliency": "", "pseudo": "maps saliency"}),
    ("seam", {"seam": "", "cam": "seam", "cam_masks": "cam", "maps": "seam", "map_masks": "maps",
              "marginals": "maps map_masks", "affinity": "marginals", "walk": "maps map_masks affinity",
              "pseudo": "walk"}),
    ("seam, plain", {"marginals": "cam cam_masks", "walk": "cam cam_masks affinity"}),
    ("seam, labels", {"affinity": "labels"}),
    ("a2gnn", {"classifier": "", "seeds": "cam", "affinity": "seeds", "graph": "seeds affinity cam", "pseudo": "graph",
               "segmenter": "pseudo"}),
    ("clip_es", {"clip": "", "maps": "clip", "labels": "maps", "pseudo": "maps", "segmenter": "pseudo"}),
    ("affinitynet, rounds", {"segmenter_2": "relabel", "relabel_2": "segmenter_2 relabel"}),
    ("cian, saliency", {"seeds": "cam_masks"}), ("cian, saliency made", {"seeds": "cam_masks saliency"}),
    ("cian", {"seeds": "cam cam_masks", "segmenter": "seeds", "pseudo": "segmenter seeds",
              "segmenter_2": "pseudo segmenter", "pseudo_2": "segmenter_2 pseudo"})])
def test_what_stages_read(images, shape, needs):
    method, values, _ = SHAPES[shape]
    found = stages(method, values, images)
    assert {name: " ".join(found[name].needs) for name in needs} == needs


@EACH
def test_facts_are_json_and_their_section_is_a_section(images, method, values, names):
    """Messages name settings as the configuration knows them."""
    fields = methods.get(method).config.model_fields
    for stage in stages(method, values, images).values():
        assert json.loads(json.dumps(dict(stage.settings))) == stage.settings
        if method == "retrain" and stage.name == "labels":
            continue                                                           # true masks: nothing to set
        section = fields[stage.section or stage.name].annotation
        section = fields["pseudo"].annotation if section is bool else section          # cam_crf: a switch
        own = set(stage.settings) - FACTS - ({"backbone"} if method == "icd" else set())
        assert own <= set(section.model_fields), stage.name


def changed(images: ImageSet, method: str, base: dict, difference: dict) -> set[str]:
    """Returns the stages that a difference of settings makes stale by itself."""
    found = []
    for values in (base, merge(base, difference)):
        context = Context.of(built(method, values))
        found.append({name: (runner._facts(stage, context), stage.needs)
                      for name, stage in stages(method, values, images).items()})
    before, after = found
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize("method", ["icd", "affinitynet"])
@pytest.mark.parametrize("difference", [{"workers": 3}, {"devices": 2}, {"tensorboard": {"enabled": False}},
                                        {"given": {"cam": "other"}}], ids=str)
def test_what_makes_nothing_stale(images, method, difference):
    assert changed(images, method, {}, difference) == set()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_seed_makes_everything_stale(images, shape):
    method, values, names = SHAPES[shape]
    assert changed(images, method, values, {"seed": 1}) == set(names.split())


@pytest.mark.parametrize(("shape", "difference", "expected"), [
    ("icd", {"icd": {"epochs": 3}}, "icd"), ("icd", {"mixed_precision": True}, "icd segmenter"),
    ("icd", {"segmenter": {"epochs": 3}}, "segmenter"),
    ("icd", {"relabel": {"mirror": True}}, "relabel"), ("icd", {"masks": {"mirror": True}}, ""),
    ("affinitynet, rounds", {"segmenter": {"continued": True}}, "segmenter segmenter_2"),
    ("affinitynet, rounds", {"relabel": {"certain": 0.5}}, "relabel relabel_2"),
    ("cian", {"segmenter": {"cross": False}}, "segmenter segmenter_2"), ("cian", {"seeds": {"low": 2.0}}, "seeds"),
    ("cian", {"seeds": {"salient": 9}}, "seeds"), ("cian, saliency", {"seeds": {"salient": 9}}, "seeds"),
    ("cian, saliency", {"data": {"saliency": "other"}}, "seeds"), ("cian, saliency", {"seeds": {"low": 2.0}}, ""),
    ("cian, saliency made", {"saliency": {"cut": 0.0}}, "saliency"),
    ("cian", {"segmenter": {"continued": False}}, "segmenter segmenter_2"),
    ("cian", {"relabel": {"certain": 0.5}}, "pseudo pseudo_2"),
    ("mcis", {"mcis": {"side": 128}}, "mcis"), ("mcis", {"maps": {"references": 1}}, "maps"),
    ("mcis", {"labels": {"threshold": 0.2}}, "labels"), ("mcis", {"pseudo": {"iterations": 3}}, "pseudo"),
    ("mcis", {"mixed_precision": True}, "mcis segmenter"), ("mcis", {"saliency": {"cut": 0.0}}, ""),
    ("mcis, saliency made", {"saliency": {"cut": 0.0}}, "saliency"),
    ("oaa", {"oaa": {"drop": 0.5}}, "oaa"), ("oaa", {"oaa_plus": {"epochs": 3}}, "oaa_plus"),
    ("oaa", {"maps": {"mirror": True}}, "maps"), ("oaa", {"labels": {"threshold": 0.2}}, "labels"),
    ("oaa", {"mixed_precision": True}, "oaa oaa_plus segmenter"), ("oaa", {"pseudo": {"iterations": 3}}, "pseudo"),
    ("oaa, saliency", {"data": {"saliency": "other"}}, "pseudo"), ("oaa, saliency", {"pseudo": {"iterations": 3}}, ""),
    ("seam", {"seam": {"hardest": 0.3}}, "seam"), ("seam", {"maps": {"mirror": False}}, "maps"),
    ("seam", {"cam": {"mirror": False}}, "cam"), ("seam", {"map_masks": {"threshold": 0.2}}, "map_masks"),
    ("seam", {"labels": {"low": None}}, "marginals labels"), ("seam", {"walk": {"steps": 9}}, "walk"),
    ("seam", {"mixed_precision": True}, "seam affinity segmenter"), ("seam", {"pseudo": {"iterations": 3}}, "pseudo"),
    ("a2gnn", {"seeds": {"supervision": "point"}}, "seeds graph pseudo"),
    ("a2gnn", {"seeds": {"certain": 0.7}}, "seeds"),
    ("a2gnn", {"affinity": {"radius": 4}}, "affinity"), ("a2gnn", {"graph": {"walked": []}}, "graph"),
    ("a2gnn", {"graph": {"network": {"epochs": [9, 9]}}}, "graph"), ("a2gnn", {"pseudo": {"iterations": 3}}, "pseudo"),
    ("a2gnn", {"graph": {"network": {"memory": 9}, "box_network": {"memory": 9}}}, ""),
    ("a2gnn", {"mixed_precision": True}, "classifier affinity segmenter"),
    ("clip_es", {"clip": {"words": {"cat": "kitten"}}}, "clip"), ("clip_es", {"maps": {"share": 0.7}}, "maps"),
    ("clip_es", {"labels": {"power": 2.0}}, "labels pseudo"), ("clip_es", {"pseudo": {"certain": 0.5}}, "pseudo"),
    ("clip_es", {"mixed_precision": True}, "segmenter"),
    ("icd", {"superpixels": {"scale": 9}}, "superpixels"),
    ("icd, unmerged", {"superpixels": {"scale": 9}}, "regions"),
    ("icd", {"regions": {"canvas": 65}}, "regions"), ("icd, unmerged", {"regions": {"canvas": 65}}, ""),
    ("icd", {"icd": {"backbone": {"width": 0.5}}}, "regions icd"),
    ("icd, unmerged", {"icd": {"backbone": {"width": 0.5}}}, "icd"),
    ("icd", {"cam": {"canvas": 65}}, "cam"), ("icd", {"scores": {"mirror": True}}, "scores"),
    ("icd", {"cam_masks": {"threshold": 0.2}}, "cam_masks"), ("icd", {"seeds": {"corners_aligned": True}}, "seeds"),
    ("icd", {"pseudo": {"iterations": 3}}, "pseudo"), ("icd, cam_crf", {"pseudo": {"iterations": 3}}, "cam_crf pseudo"),
    ("icd, saliency", {"seeds": {"corners_aligned": True}}, "pseudo"),
    ("icd, saliency", {"pseudo": {"iterations": 3}}, ""), ("icd, saliency", {"data": {"saliency": "other"}}, "pseudo"),
    ("icd, saliency made", {"saliency": {"segments": 90}}, "saliency"),
    ("icd, saliency", {"saliency": {"segments": 90}}, ""),
    ("affinitynet", {"classifier": {"epochs": 3}}, "classifier"),
    ("affinitynet", {"affinity": {"radius": 3}}, "affinity"),
    ("affinitynet", {"mixed_precision": True}, "classifier affinity segmenter"),
    ("affinitynet", {"cam": {"canvas": 65}}, "cam"),
    ("affinitynet", {"cam_masks": {"threshold": 0.2}}, "cam_masks"),
    ("affinitynet", {"labels": {"low": None}}, "marginals labels"),
    ("affinitynet", {"labels": {"crf": {"iterations": 3}}}, "marginals labels"),
    ("affinitynet", {"walk": {"steps": 9}}, "walk"),
    ("affinitynet", {"walk": {"alpha": None}}, "walk"), ("affinitynet", {"pseudo": {"iterations": 3}}, "pseudo"),
    ("affinitynet, cam_crf", {"pseudo": {"iterations": 3}}, "cam_crf pseudo")], ids=str)
def test_what_a_setting_makes_stale(images, shape, difference, expected):
    method, base, _ = SHAPES[shape]
    assert changed(images, method, base, difference) == set(expected.split())


@pytest.mark.parametrize(("method", "of_both", "of_training", "of_pseudo"), [
    ("icd", "superpixels regions", "icd", "cam cam_masks scores seeds pseudo segmenter relabel"),
    ("affinitynet", "cam cam_masks", "classifier marginals labels affinity", "walk pseudo segmenter relabel"),
    ("mcis", "", "mcis", "cam cam_masks maps labels pseudo segmenter relabel"),
    ("oaa", "accumulated", "oaa oaa_plus", "cam cam_masks maps labels pseudo segmenter relabel"),
    ("seam", "maps map_masks", "seam marginals labels affinity", "cam cam_masks walk pseudo segmenter relabel"),
    ("a2gnn", "cam cam_masks seeds", "classifier affinity", "graph pseudo segmenter relabel")])
def test_another_list_of_images(images, method, of_both, of_training, of_pseudo):
    """What both lists need is made of all their images, each once."""
    training, pseudo = images.subset(images.names[:3]), images.subset(images.names[2:])
    found = stages(method, {}, training, pseudo)
    for names, whole in ((of_both, images), (of_training, training), (of_pseudo, pseudo)):
        assert {found[name].settings["images"] for name in names.split()} == ({whole.fingerprint()} if names else set())
    assert len(found) == len((of_both + " " + of_training + " " + of_pseudo).split())


@pytest.mark.parametrize(("name", "words"), [
    ("icdd", "unknown method 'icdd'; did you mean 'icd'"), ("", "unknown method ''; known: .*icd"),
    ("affinity_net", "did you mean 'affinitynet'"), ("os", "unknown method 'os'")])
def test_unknown_methods(name, words):
    with pytest.raises(UserError, match=words):
        methods.get(name)


@pytest.mark.parametrize("name", methods.METHODS)
def test_every_method_has_its_parts(images, name):
    """Retraining has no rule of its own from tags to masks; CIAN has class maps to be judged beside."""
    method = methods.get(name)
    assert method.config(method=name).method == name
    assert (callable(method.masker), callable(method.class_maps)) == \
        {"icd": (True, True), "affinitynet": (True, True), "cian": (False, True), "mcis": (True, True),
         "oaa": (True, True), "seam": (True, True), "a2gnn": (True, True), "clip_es": (True, False),
         "retrain": (False, False)}[name]
    demo = built(name, method.demo)
    found = method.stages(demo, Splits(images, images, images))
    assert demo.data.kind == "demo" and demo.data.val_split == "val" and found[-1].name.startswith("masks")
    assert {stage.name for stage in found if stage.split == "val"} == \
        {stage.name for stage in found if stage.name.partition("_")[0] == "masks"}


@pytest.mark.parametrize(("method", "mended"), [
    ("icd", {}), ("affinitynet", {"marginals": {"background": 2}, "walk": {"walk": 2}}),
    ("a2gnn", {"seeds": {"background": 2}}),
    ("cian", {"seeds": {"background": 2}, "pseudo": {"scales": 2}, "pseudo_2": {"scales": 2}, "masks": {"scales": 2},
              "masks_2": {"scales": 2}})])
def test_a_stage_whose_arithmetic_was_mended_says_so(images, method, mended):
    """Stages that older runs have finished otherwise are stale; all others are not."""
    found = methods.get(method).stages(built(method, {}), Splits(images, images, images))
    assert {stage.name: stage.settings["versions"] for stage in found if "versions" in stage.settings} == \
        {"cam_masks": {"threshold": 2}, **mended}


def test_the_command_names_every_method():
    told = " ".join(build_parser().format_help().split())
    assert all(method in told for method in methods.METHODS)
