import json

import numpy as np
import pytest

from tests.support.fake_run import (
    CONFIG,
    SIZE,
    add_ending,
    fake_run,
    image_set,
    loads,
    write_maps,
    write_pseudo,
    write_stage,
)
from tfwsss.artefacts.masks import write_mask
from tfwsss.artefacts.saliency import write_saliency
from tfwsss.errors import UserError
from tfwsss.methods import opened
from tfwsss.reports.facts import gather
from tfwsss.reports.page import write_report
from tfwsss.runs import journal, without_truth


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of five stages with an ending."""
    run, images = fake_run(tmp_path)
    loads(monkeypatch, images, val=add_ending(run, images))
    return run


def test_stages_belong_to_their_images(run):
    """Those of an older run name no split; each is compared with `cam`, or the first of the same images."""
    facts = gather(run)
    without_tags = dict.fromkeys(("masks", "masks_2"), "val")
    assert facts["splits"] == dict.fromkeys(("cam", "scores", "pseudo", "relabel"), "pseudo") | without_tags
    assert facts["baselines"] == {name: "masks" if name in without_tags else "cam" for name in facts["scored"]}
    assert list(facts["scored"]) == ["cam", "scores", "pseudo", "relabel", "masks", "masks_2"]


def test_without_class_maps_the_first_stage_is_compared_with(run):
    metrics = json.loads((run / "metrics.json").read_text())
    metrics.pop("cam")
    (run / "metrics.json").write_text(json.dumps(metrics))
    assert set(gather(run)["baselines"].values()) == {"scores", "masks"}


def test_the_best_of_each_class(run):
    """Of all stages of the same images, equals together; a stage alone, or a class without IoU, is no best."""
    metrics = json.loads((run / "metrics.json").read_text())
    iou = {"cam": (0.1, 0.3, None), "scores": (0.2, 0.3, None), "pseudo": (0.2, None, None), "masks": (0.9, 0.9, 0.9)}
    kept = {stage: metrics[stage] | {"iou": dict(zip("abc", values, strict=True))} for stage, values in iou.items()}
    (run / "metrics.json").write_text(json.dumps(kept))
    facts = gather(run)
    assert facts["best"] == {("scores", "a"), ("pseudo", "a"), ("cam", "b"), ("scores", "b")}
    assert facts["classes"] == ["a", "b", "c"]


def test_galleries_in_the_order_of_the_stages(run):
    facts = gather(run)
    assert [part["title"] for part in facts["galleries"]] == ["Images with pseudo labels", "Segmented without tags"]
    columns = [list(part["rows"][0].pictures) for part in facts["galleries"]]
    assert columns == [["image", "cam", "scores", "pseudo", "relabel", "truth"], ["image", "masks", "masks_2", "truth"]]
    assert [part["examined"] for part in facts["galleries"]] == [4, 2]


def test_images_to_train_on(run, tmp_path, monkeypatch):
    """A third list of images has a gallery of its own."""
    images, third = opened.load_run(run).images(), image_set(tmp_path / "third", 2)
    loads(monkeypatch, images, val=images, training=third)
    write_pseudo(run / "relabel", third)
    write_stage(run, "relabel", 50, split="training")
    parts = {part["title"]: [row.name for row in part["rows"]] for part in gather(run)["galleries"]}
    assert list(parts)[-1] == "Images to train on" and parts["Images to train on"] == ["image 0"]  # it has a mask


def test_each_gallery_shows_its_own_worst(run):
    others = opened.load_run(run).images("val")
    write_mask(run / "masks_2", "image 1", np.zeros((24, 32), np.uint8), others.palette)
    worst = [part["worst"][0].name for part in gather(run)["galleries"]]
    assert worst[1] == "image 1" and gather(run)["galleries"][1]["worst"][0].iou < 0.5


def test_a_list_that_is_gone(run, monkeypatch):
    """Its figures stay, its pictures are missing, and the page says why, once."""
    images = opened.load_run(run).images()

    def load(split="pseudo"):
        if split == "val":
            raise UserError("no list val.txt")
        return images

    monkeypatch.setattr("tfwsss.methods.opened.load_run", lambda run: type("Run", (), {"images": staticmethod(load)}))
    facts = gather(run)
    assert facts["trouble"] == ["no list val.txt"] and list(facts["images"]) == ["pseudo"]
    assert [part["title"] for part in facts["galleries"]] == ["Images with pseudo labels"]
    assert "masks" in facts["scored"] and facts["legend"]


def test_masks_without_truth_are_warned_of_in_every_list(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path, with_masks=False)
    others = image_set(tmp_path / "others", 3, with_masks=False)
    loads(monkeypatch, images, val=others)
    for name in others.names:
        write_mask(run / "masks", name, np.full((24, 32), 1, np.uint8), others.palette)
    write_stage(run, "masks", 30, split="val")
    facts = gather(run)
    assert len(facts["warnings"]) == 1 and facts["warnings"][0].startswith("masks: 'cat' fills 100.0 %")


def test_masks_without_truth_are_described_on_the_page(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path, with_masks=False)
    loads(monkeypatch, images)
    found = {"covered": 0.25, "undecided": 0.0, "tags_shown": 0.5, "agreement": {}}
    (run / without_truth.FILE).write_text(json.dumps({"pseudo": found, "none": found}))
    page = write_report(run).read_text("utf-8")
    assert f"<th>pseudo</th><td>{without_truth.in_words(found)}</td>" in page and "<th>none</th>" not in page


def review(run, stage, *records):
    for name, confidence, coverage, agreement in records:
        journal.append(run / stage / "review.jsonl", {"name": name, "confidence": confidence, "coverage": coverage,
                                                      "agreement": agreement})


def test_reviews(run):
    """Means over the images; those without labels agree with nothing; an image reviewed twice counts once."""
    review(run, "relabel", ("b", 0.1, 0.1, 0.1), ("a", 0.5, 1.0, 0.25), ("b", 0.75, 0.5, 0.25), ("c", 1.0, 0.0, None),
           ("d", 0.75, 0.5, 1.0))
    found = gather(run)["reviews"]
    assert list(found) == ["relabel"]
    means = {key: found["relabel"][key] for key in ("images", "confidence", "coverage", "agreement")}
    assert means == {"images": 4, "confidence": 0.75, "coverage": 0.5, "agreement": 0.5}
    assert [record["name"] for record in found["relabel"]["disagreeing"]] == ["a", "b", "d"]


def test_what_words_find_by_themselves(run):
    """The share of a class' images; classes that are rarely found are warned of."""
    for name, tags, likely in (("a", [0], [0]), ("b", [0, 2], [2, 1]), ("c", [0], [1]), ("d", [0], [2])):
        journal.append(run / "cam" / journal.SHOWN, {"name": name, "tags": tags, "likely": likely})
    found = gather(run)
    assert found["recognised"] == {"cam": {"cat": {"images": 4, "share": 0.25}, "жук": {"images": 1, "share": 1.0}}}
    assert [line for line in found["warnings"] if "CLIP does not find cat (25 % of 4)" in line]


def test_a_network_that_had_no_labels(run):
    review(run, "relabel", ("a", 0.5, 0.0, None))
    found = gather(run)["reviews"]["relabel"]
    assert found["agreement"] is None and found["disagreeing"] == []


def test_rounds_come_one_after_the_other_and_only_when_finished(run):
    write_stage(run, "masks", 10, split="val")                              # any stage that has a journal
    review(run, "relabel", ("a", 0.5, 1.0, 0.5))
    review(run, "masks", ("a", 0.5, 1.0, 0.5))
    review(run, "masks_2", ("a", 0.5, 1.0, 0.5))
    (run / "masks_2" / "stage.json").rename(run / "masks_2" / "started.json")
    record = json.loads((run / "masks_2" / "started.json").read_text())
    record.pop("finished")
    (run / "masks_2" / "started.json").write_text(json.dumps(record))
    assert list(gather(run)["reviews"]) == ["masks", "relabel"]


def test_saliency_made_by_the_run_is_told_and_shown(run):
    """Its settings tell how; it is no stage with a score."""
    config = {**CONFIG["config"], "data": {"saliency": "make"}, "saliency": {"segments": 80}}
    (run / "config.json").write_text(json.dumps({**CONFIG, "config": config}))
    write_stage(run, "saliency", 0, settings={"segments": 80, "images": "abc", "seed": 0})
    for place in range(3):
        write_saliency(run / "saliency", f"image {place}", np.full(SIZE, 200, np.uint8))
    facts = gather(run)
    assert facts["saliency"] == "made by this run, see refine.saliency: segments 80"
    rows = facts["galleries"][0]["rows"]
    assert [list(row.pictures)[:3] for row in rows] == [["image", "saliency", "cam"]] * len(rows)
    assert {row.name for row in rows if row.pictures["saliency"]} == {"image 0", "image 1", "image 2"}
    assert "saliency" not in facts["scored"] and facts["unread"] == []


def test_parts_of_a_stage_are_columns_beside_it(run):
    """What they are not made of is an empty place."""
    before = set(gather(run)["scored"])
    write_maps(run / "cam" / "parts" / "by reference 1", image_set(run / "data").subset(["image 1"]))
    facts = gather(run)
    rows = facts["galleries"][0]["rows"]
    assert all(list(row.pictures)[1:3] == ["cam", "cam, by reference 1"] for row in rows)
    assert [row.name for row in rows if row.pictures["cam, by reference 1"]] == ["image 1"]
    assert set(facts["scored"]) == before and "cam, by reference 1" not in facts["scored"]


def test_labels_of_the_run_are_told(run):
    assert gather(run)["labels"] == {}                                          # a run of before
    counts = {"supervision": {"box": 3}, "classes": {"cat": {"images": 4, "boxes": 5}}}
    (run / "config.json").write_text(json.dumps({**CONFIG, "labels": {"training": counts, "pseudo": counts}}))
    found = gather(run)["labels"]
    assert list(found) == ["training"] and found["training"]["supervision"] == {"boxes": 3}
