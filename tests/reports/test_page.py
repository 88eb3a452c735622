import html.parser
import json
import re
import shutil

import numpy as np
import pytest

from tests.support.fake_run import CLASSES, CONFIG, STAGES, add_ending, fake_run, loads
from tfwsss.artefacts.masks import write_mask
from tfwsss.errors import UserError
from tfwsss.methods import opened
from tfwsss.reports.page import write_report


class Page(html.parser.HTMLParser):
    """Reads a page: its text, the text of every element with a data-key, tags, and addresses that it loads."""

    def __init__(self, path):
        super().__init__()
        self.figures, self.tags, self.addresses, self.pieces, self._key = {}, [], [], [], None
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = " ".join(" ".join(self.pieces).split())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self._key = attributes.get("data-key")
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]

    def handle_endtag(self, tag):
        self._key = None

    def handle_data(self, data):
        self.pieces.append(data)
        if self._key:
            self.figures[self._key] = data.strip()


@pytest.fixture
def run(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path)
    loads(monkeypatch, images)
    return run


def percent(value):
    return "–" if value is None else f"{100 * value:.1f}"


def test_figures_equal_the_json_beside_the_page(run):
    figures = Page(write_report(run)).figures
    metrics = json.loads((run / "metrics.json").read_text())
    expected = {}
    for stage, score in metrics.items():
        expected |= {f"{stage}.{key}": percent(score[key])
                     for key in ("miou", "ignored", "miou_ignore_as_error", "miou_without_masks") if key in score}
        expected |= {f"{stage}.{key}": str(score[key])
                     for key in ("images", "threshold", "threshold_without_masks") if key in score}
        expected |= {f"{stage}.iou.{name}": percent(value) for name, value in score["iou"].items()}
    assert figures == expected and len(figures) > 20


def test_a_changed_json_changes_the_page(run):
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["pseudo"]["miou"], metrics["cam"]["miou"], metrics["pseudo"]["iou"]["cat"] = 0.1234, 0.2, None
    (run / "metrics.json").write_text(json.dumps(metrics))
    page = Page(write_report(run))
    assert page.figures["pseudo.miou"] == "12.3" and page.figures["pseudo.iou.cat"] == "–"
    assert "−7.7 points against cam" in page.text


def test_the_page_is_alone_and_holds_no_script(run):
    page = Page(write_report(run))
    assert "script" not in page.tags and "link" not in page.tags
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert "http://" not in page.source.replace("http://www.w3.org", "") and "@import" not in page.source
    assert CLASSES[2] in page.text and "<script>alert" not in page.source
    assert "broken &lt;b&gt;" in page.source and "no image &amp; no cure" in page.source
    assert "broken <b>" in page.text and "no image & no cure" in page.text


def test_it_tells_what_ran(run):
    text = Page(write_report(run)).text
    for fact in ("icd", "run 1", "data.root my photos", "keras 3.15.1", "saliency maps none used", "1 min 02 s",
                 "icd, 3 epochs", "2026-11-20 20:05 UTC", "05050505050", '"batch_size": 4'):
        assert fact in text, fact
    order = [text.index(f"{name} {kind} 1 min") for name, kind in
             (("regions", "regions"), ("icd", "model"), ("cam", "scores"), ("scores", "scores"), ("pseudo", "masks"))]
    assert order == sorted(order)                       # by date, not by name


def test_saliency_and_given_artefacts_are_named(run):
    config = {**CONFIG["config"], "data": {"kind": "folder", "root": "x", "saliency": "maps of mine"},
              "given": {"seeds": "someone's seeds"}}
    (run / "config.json").write_text(json.dumps({**CONFIG, "config": config}))
    text = Page(write_report(run)).text
    assert "saliency maps from maps of mine, given by the user" in text
    assert "given seeds someone's seeds: not made by this run" in text


def test_pictures_of_all_stages_and_the_worst(run):
    page = Page(write_report(run))
    assert page.text.count("image cam scores pseudo truth") == 2        # fixed images and the worst
    jpegs = [address for address in page.addresses if address.startswith("data:image/jpeg")]
    assert len(jpegs) == 2 * 4 * 5                                      # four images with masks, five columns
    assert "The worst of 4 images examined" in page.text
    assert sum(address.startswith("data:image/svg") for address in page.addresses) == 2


@pytest.fixture
def ended(run, monkeypatch):
    """The same run with an ending, which saw other images too."""
    images = opened.load_run(run).images()
    others = add_ending(run, images)
    loads(monkeypatch, images, val=others)
    record = {**CONFIG, "images": {"training": 5, "pseudo": 5, "val": 3}}
    (run / "config.json").write_text(json.dumps(record), encoding="utf-8")
    return run


def test_images_without_tags_have_pictures_of_their_own(ended):
    page = Page(write_report(ended))
    assert page.text.count("image cam scores pseudo relabel truth") == 2         # fixed images and the worst
    before, after = page.text.split("Segmented without tags")
    assert after.count("image masks masks_2 truth") == 2 and "masks truth" not in before
    assert "The worst of 4 images examined" in before and "The worst of 2 images examined" in after
    jpegs = [address for address in page.addresses if address.startswith("data:image/jpeg")]
    assert len(jpegs) == 2 * 4 * 6 + 2 * 2 * 4
    assert ("images to train on 5 images to make pseudo labels of 5, 4 of them with a true mask images to segment "
            "without tags 3, 2 of them with a true mask") in page.text


def test_labels_by_class_are_a_table(ended):
    counts = {"supervision": {"scribble": 3, "image": 1}, "classes": {"cat": {"images": 4}, "<b>": {"scribbles": 5}}}
    (ended / "config.json").write_text(json.dumps({**CONFIG, "labels": {"training": counts, "pseudo": counts}}))
    text = Page(write_report(ended)).text
    assert ("Labels of the images to train on 3 images by scribbles, 1 image by tags only. class images scribbles "
            "cat 4 0 <b> 0 5 Stages") in text and "Labels of the images to make" not in text


def test_scores_of_other_images_are_not_compared(ended):
    """The first round's masks with nothing, the second's with the first's; each split has its own best."""
    page = Page(write_report(ended))
    metrics = json.loads((ended / "metrics.json").read_text())
    shown = {stage: f"{stage} {percent(score['miou'])}" for stage, score in metrics.items()}
    assert f"{shown['cam']} mean IoU, %" in page.text and f"{shown['masks']} mean IoU, %, without tags" in page.text
    for stage, base in (("relabel", "cam"), ("masks_2", "masks")):
        points = f"{100 * (metrics[stage]['miou'] - metrics[base]['miou']):+.1f}".replace("-", "−")
        assert f"{shown[stage]} {points} points against {base}" in page.text
    assert page.text.count("points against") == 4 and page.text.count("against masks") == 2
    assert "masks without tags 2" in page.text and "relabel without tags" not in page.text
    best = re.findall(r'class="number best" data-key="(\w+)\.iou\.background"', page.source)
    assert set(best) - set(STAGES) == {"relabel", "masks_2"}


def test_networks_and_their_labels(ended):
    lines = [{"name": f"<s>{place}</s>", "confidence": 0.75, "coverage": 0.5, "agreement": place / 40}
             for place in range(25)]
    (ended / "relabel" / "review.jsonl").write_text("\n".join(map(json.dumps, lines)))
    page = Page(write_report(ended))
    figures = {key: page.figures[f"relabel.{key}"] for key in ("reviewed", "confidence", "coverage", "agreement")}
    assert figures == {"reviewed": "25", "confidence": "75.0", "coverage": "50.0", "agreement": "30.0"}
    assert "relabel: the 20 images on which network and labels disagree most" in page.text
    rows = re.findall(r"<s>(\d+)</s> ([\d.]+) 75\.0", page.text)
    assert rows == [(str(place), f"{100 * place / 40:.1f}") for place in range(20)]
    assert "script" not in page.tags and "s" not in page.tags and "masks.confidence" not in page.figures


def test_without_masks(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path, with_masks=False)
    loads(monkeypatch, images)
    page = Page(write_report(run))
    assert "Nothing has been scored : the images have no true masks" in page.text.replace("scored:", "scored :")
    assert page.figures == {} and "worst" not in page.text
    assert len([address for address in page.addresses if address.startswith("data:image/jpeg")]) == 5 * 4


def test_all_black_masks_are_warned_of_without_truth(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path, with_masks=False)
    loads(monkeypatch, images)
    for name in images.names:
        write_mask(run / "pseudo", name, np.zeros((24, 32), np.uint8), images.palette)
    assert "pseudo: 'background' fills 100.0 %" in Page(write_report(run)).text


def test_an_unfinished_run(run):
    (run / "pseudo" / "stage.json").rename(run / "pseudo" / "started.json")
    record = json.loads((run / "pseudo" / "started.json").read_text())
    for key in ("finished", "seconds", "faults"):
        record.pop(key)
    (run / "pseudo" / "started.json").write_text(json.dumps(record))
    (run / "pseudo" / "image 0.png").unlink()
    metrics = json.loads((run / "metrics.json").read_text())
    del metrics["pseudo"]
    (run / "metrics.json").write_text(json.dumps(metrics))
    (run / "faults.json").unlink()
    text = Page(write_report(run)).text
    assert "pseudo masks – not finished" in text and "Faults" not in text


def test_a_run_that_has_only_begun(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path)
    loads(monkeypatch, images)
    for path in run.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "config.json":
            path.unlink()
    text = Page(write_report(run)).text
    assert "No stage has begun." in text and "Nothing has been scored." in text


def test_faults_of_stages_and_of_scoring_are_listed_once(run):
    record = json.loads((run / "cam" / "stage.json").read_text())
    record["faults"] = {"image 9": "cut off"}
    (run / "cam" / "stage.json").write_text(json.dumps(record))
    (run / "faults.json").write_text(json.dumps({"image 9": "cut off", "image 8": "empty"}))
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["pseudo"]["faults"] = {"image 7": "another size"}
    (run / "metrics.json").write_text(json.dumps(metrics))
    text = Page(write_report(run)).text
    assert text.count("cut off") == 1 and "data image 8 empty" in text and "3 images were left out" in text
    assert "scoring of pseudo image 7 another size" in text


def test_images_that_have_moved(run, monkeypatch):
    def gone(run):
        raise UserError("data.root: my photos is no folder")

    monkeypatch.setattr("tfwsss.methods.opened.load_run", gone)
    page = Page(write_report(run))
    assert page.text.count("has no pictures of them: data.root: my photos is no folder") == 1
    assert not any(address.startswith("data:image/jpeg") for address in page.addresses) and page.figures


def test_one_image_that_has_moved(run, tmp_path):
    (tmp_path / "data" / "images" / "image 0.png").unlink()
    text = Page(write_report(run)).text
    assert "pictures are missing" in text and "image 0.png: no such file" in text and "image 3" in text


@pytest.mark.parametrize(("name", "content", "expected"), [
    ("config.json", None, "is no run"), ("metrics.json", "{", "metrics.json: cannot be read")])
def test_mistakes_are_told(run, name, content, expected):
    (run / name).unlink() if content is None else (run / name).write_text(content)
    with pytest.raises(UserError, match=expected):
        write_report(run)
    assert not list(run.glob(".*"))                       # nothing half written stays
