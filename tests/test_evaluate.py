import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import CLASSES, add_ending, fake_run, loads, write_stage
from tfwsss.artefacts.masks import write_mask
from tfwsss.evaluate import main
from tfwsss.palette import voc_palette


@pytest.fixture
def run(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path)
    loads(monkeypatch, images)
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    return run


def printed(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


@pytest.mark.parametrize("stage", ["cam", "pseudo"])
def test_json_of_a_stage_equals_the_runs_metrics(run, capsys, stage):
    code, out, _ = printed(capsys, run, "--stage", stage, "--json")
    score, recorded = json.loads(out), json.loads((run / "metrics.json").read_text())[stage]
    assert code == 0 and score.pop("folder") == str(run / stage)
    for key in ("threshold_without_masks", "miou_without_masks"):
        recorded.pop(key, None)                     # the runner's own choice: not known to this command
    assert score == recorded


def test_the_last_finished_stage_is_the_default(run, capsys):
    assert json.loads(printed(capsys, run, "--json")[1])["folder"].endswith("pseudo")
    write_stage(run, "cam", 59)
    assert json.loads(printed(capsys, run, "--json")[1])["folder"].endswith("cam")


def test_a_stage_is_scored_against_its_own_images(tmp_path, monkeypatch, capsys):
    """Also while it is not finished; a stage of an older run, which names no split, against those of pseudo labels."""
    run, images = fake_run(tmp_path)
    loads(monkeypatch, images, val=add_ending(run, images))
    (run / "masks_2" / "stage.json").rename(run / "masks_2" / "started.json")
    metrics = json.loads((run / "metrics.json").read_text())
    for stage, count in (("pseudo", 4), ("relabel", 4), ("masks", 2), ("masks_2", 2)):
        code, out, _ = printed(capsys, run, "--stage", stage, "--json")
        score = json.loads(out)
        assert code == 0 and score["images"] == count
        assert {key: score[key] for key in metrics[stage]} == metrics[stage]
    assert json.loads(printed(capsys, run, "--json")[1])["folder"] == str(run / "masks")       # the last finished one


def test_an_unfinished_stage_is_scored_as_far_as_it_is(run, capsys):
    (run / "pseudo" / "stage.json").unlink()
    next((run / "pseudo").glob("*.png")).unlink()
    code, out, err = printed(capsys, run, "--stage", "pseudo", "--json")
    assert code == 1 and json.loads(out)["images"] == 3 and "fault: image" in err


def test_text_shows_the_figures_in_per_cent(run, capsys):
    code, out, err = printed(capsys, run, "--stage", "pseudo")
    score = json.loads((run / "metrics.json").read_text())["pseudo"]
    assert code == 0 and err == ""
    lines = {line[:line.rindex("  ")].strip(): line.split("  ")[-1].strip() for line in out.splitlines() if "%" in line}
    assert lines["mean IoU"] == f"{100 * score['miou']:.2f} %"
    assert lines["mean IoU, ignored pixels as errors"] == f"{100 * score['miou_ignore_as_error']:.2f} %"
    assert lines["ignored pixels"] == f"{100 * score['ignored']:.2f} %"
    assert {name: f"{100 * value:.2f} %" for name, value in score["iou"].items()}.items() <= lines.items()
    assert "best background threshold" in printed(capsys, run, "--stage", "cam")[1]


def test_a_folder_against_a_folder(run, tmp_path, capsys):
    truth = tmp_path / "data" / "masks"
    call = [run / "pseudo", "--truth", truth, "--classes", tmp_path / "classes.txt", "--json"]
    (run / "pseudo" / "stage.json").unlink()
    score = json.loads(printed(capsys, *call)[1])
    assert score["miou"] == json.loads((run / "metrics.json").read_text())["pseudo"]["miou"]
    (tmp_path / "names.txt").write_text("image 1\n")
    assert json.loads(printed(capsys, *call, "--names", tmp_path / "names.txt")[1])["images"] == 1
    perfect = json.loads(printed(capsys, truth, *call[1:])[1])
    assert perfect["miou"] == 1.0 and set(perfect["iou"].values()) == {1.0}


def test_a_mask_of_another_size_is_a_fault_and_the_exit_code_says_so(run, capsys):
    write_mask(run / "pseudo", "image 2", np.zeros((2, 2), np.uint8), np.zeros((256, 3), np.uint8))
    code, out, err = printed(capsys, run, "--stage", "pseudo", "--json")
    assert code == 1 and json.loads(out)["images"] == 3
    assert "fault: image 2" in err and "2 rows x 2 columns" in err


def test_all_black_masks_are_warned_of(run, capsys):
    for path in (run / "pseudo").glob("*.png"):
        write_mask(run / "pseudo", path.stem, np.zeros((24, 32), np.uint8), np.zeros((256, 3), np.uint8))
    code, _, err = printed(capsys, run, "--json")
    assert code == 0 and "warning: 'background' fills 100.0 %" in err


@pytest.mark.parametrize(("arguments", "expected"), [
    (["nowhere"], "no such folder"),
    (["{run}", "--stage", "seeds"], "has no such stage"),
    (["{run}", "--stage", "icd"], "holds model, which have no mean IoU"),
    (["{run}", "--stage", "../data"], "has no such stage"),
    (["{run}/pseudo"], "add --truth FOLDER --classes FILE"),
    (["{run}/pseudo", "--stage", "cam"], "leave --stage out"),
    (["{run}", "--truth", "{run}"], "go together"),
    (["{run}", "--truth", "{run}/icd", "--classes", "{run}/none.txt"], "no PNG there"),
    (["{run}", "--truth", "{run}/pseudo", "--classes", "{run}/none.txt"], "cannot be read"),
    (["{run}/icd", "--truth", "{run}/pseudo", "--classes", "{run}/../classes.txt"], "neither masks"),
])
def test_mistakes_give_one_line(run, capsys, arguments, expected):
    code, out, err = printed(capsys, *[argument.format(run=run) for argument in arguments])
    assert code == 2 and out == "" and expected in err and err.count("\n") == 1


def test_a_run_without_finished_stages_says_so(run, capsys):
    for path in run.glob("*/stage.json"):
        path.unlink()
    code, _, err = printed(capsys, run)
    assert code == 2 and "no finished stage" in err
    shutil.rmtree(run / "cam")
    assert printed(capsys, run, "--stage", "pseudo")[0] == 0


def test_true_masks_saved_as_0_and_255_are_refused(run, tmp_path, capsys):
    """A full score for masks of background alone, or zero for right ones, would be wrong in silence."""
    for name in ("a", "b"):
        write_mask(tmp_path / "truth", name, np.array([[0, 255]], np.uint8), np.zeros((256, 3), np.uint8))
        write_mask(tmp_path / "found", name, np.array([[0, 1]], np.uint8), np.zeros((256, 3), np.uint8))
    for folder in ("truth", "found"):
        code, out, err = printed(capsys, tmp_path / folder, "--truth", tmp_path / "truth", "--classes",
                                 tmp_path / "classes.txt")
        assert code == 2 and out == "" and "0 and 255 only" in err and "save a class as its number" in err
    code, out, err = printed(capsys, tmp_path / "truth", "--truth", tmp_path / "found", "--classes",
                             tmp_path / "classes.txt", "--json")
    assert code == 0 and json.loads(out)["miou"] is None and "no predicted mask holds a class" in err


def test_true_masks_in_colours_of_ones_own(run, tmp_path, capsys):
    """A colour table in place of the class names tells the names, and the ids of the colours."""
    (tmp_path / "labelmap.txt").write_text("background:9,9,9::\ncat:250,1,2::\ndog:3,250,4::\n")
    (tmp_path / "truth").mkdir()
    Image.fromarray(np.array([[[9, 9, 9], [250, 1, 2], [3, 250, 4]]], np.uint8)).save(tmp_path / "truth" / "a.png")
    write_mask(tmp_path / "found", "a", np.array([[0, 1, 1]], np.uint8), np.zeros((256, 3), np.uint8))
    code, out, _ = printed(capsys, tmp_path / "found", "--truth", tmp_path / "truth", "--classes",
                           tmp_path / "labelmap.txt", "--json")
    assert code == 0 and json.loads(out)["iou"] == {"background": 1.0, "cat": 0.5, "dog": 0.0}


def test_names_and_colours_lie_beside_true_masks(run, tmp_path, capsys):
    """As tools for drawing save them: labelmap.txt in their folder or beside it; names of classes may still be told."""
    score = json.loads((run / "metrics.json").read_text())["pseudo"]
    palette = voc_palette()
    palette[1:4] = [[250, 0, 0], [0, 250, 0], [0, 0, 250]]
    for path in (tmp_path / "data" / "masks").glob("*.png"):
        ids = np.array(Image.open(path))
        (tmp_path / "cvat" / "SegmentationClass").mkdir(parents=True, exist_ok=True)
        Image.fromarray(palette[ids]).save(tmp_path / "cvat" / "SegmentationClass" / path.name)
    classes = (tmp_path / "classes.txt").read_text().split()
    names = [name for name in classes if name != "background"]
    lines = [f"{name}:{','.join(map(str, palette[place].tolist()))}::\n" for place, name in enumerate(names, 1)]
    (tmp_path / "cvat" / "labelmap.txt").write_text("".join(reversed(lines)))
    (tmp_path / "colours.txt").write_text("".join(lines))
    truth = ["--truth", tmp_path / "cvat" / "SegmentationClass"]
    for more in ([], ["--classes", tmp_path / "classes.txt"], ["--classes", tmp_path / "colours.txt"]):
        code, out, _ = printed(capsys, tmp_path / "cvat" / "SegmentationClass", *truth, *more, "--json")
        assert code == 1 and json.loads(out)["images"] == 0         # predictions are ids, never colours
        code, out, err = printed(capsys, run / "pseudo", *truth, *more, "--json")
        found = json.loads(out)
        if more:                                                    # the order of the ids is that of the predictions
            assert code == 0 and found["miou"] == score["miou"] and found["iou"] == score["iou"]
        else:
            assert list(found["iou"])[1:] == names[::-1]


def test_true_masks_whose_names_cannot_be_used_are_faults(run, tmp_path, capsys):
    truth = tmp_path / "data" / "masks"
    for name in ("back\\slash.png", "two\nlines.png"):
        shutil.copy(truth / "image 1.png", truth / name)
    shutil.copy(truth / "image 1.png", truth / "image 2.PNG")
    code, out, err = printed(capsys, run / "pseudo", "--truth", truth, "--classes", tmp_path / "classes.txt", "--json")
    found = json.loads(out)
    assert code == 1 and found["miou"] is not None
    assert set(found["faults"]) >= {"back\\slash.png", r"two\nlines.png"} and "is named like" in err
