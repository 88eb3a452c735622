import contextlib
import json
import multiprocessing
import os

import numpy as np
import pytest
from PIL import Image

from tests.support import refinements as work
from tests.support.fake_run import image_set, write_maps
from tests.support.patience import PATIENCE, until
from tests.support.refinements import ALONE, DYING, NOTE, Threshold, refinement
from tests.support.tiny_run import contents
from tfwsss.artefacts.files import finished
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.regions import read_regions
from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.errors import ImageFault, UserError
from tfwsss.refine.masks import as_they_are
from tfwsss.runs.stage import Context, infer, refine
from tfwsss.settings.sections import RunSettings, Settings

SETTINGS = Settings()


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")


@pytest.fixture
def output(tmp_path):
    (tmp_path / "run" / "out").mkdir(parents=True)
    return tmp_path / "run" / "out"


def value_of(kind: str, number: int):
    if kind == "scores":
        return Scores(np.array([1], np.int32), np.full((1, 2, 3), number, np.float32), (4, 6))
    return np.full((4, 6), number, np.uint8 if kind == "masks" else np.int32)


READERS = {"scores": lambda folder, name: read_scores(folder, name).scores.max(),
           "masks": lambda folder, name: read_mask(folder, name).max(),
           "regions": lambda folder, name: read_regions(folder, name).max()}


@pytest.mark.parametrize("kind", READERS)
def test_infer_writes_one_file_an_image(images, output, kind):
    asked = []

    def predict(inputs, names):
        asked.append((dict(inputs), tuple(names)))
        return ((name, value_of(kind, number)) for number, name in enumerate(names))

    stage = infer("out", images, kind=kind, settings=SETTINGS, needs=("cam",), predict=predict)
    assert (stage.name, stage.kind, stage.needs) == ("out", kind, ("cam",))
    assert stage.work(ALONE, {"cam": output / "cam"}, output) == {}
    assert asked == [({"cam": output / "cam", "out": output}, images.names)]
    assert [READERS[kind](output, name) for name in images.names] == [0, 1, 2, 3, 4]
    assert stage.work(ALONE, {"cam": output / "cam"}, output) == {} and len(asked) == 1       # nothing is missing


def test_infer_goes_on_with_what_is_missing(images, output):
    asked = []

    def predict(inputs, names):
        for name in names:
            asked.append(name)
            if len(asked) == 3:
                raise KeyboardInterrupt
            yield name, value_of("masks", 1)

    stage = infer("out", images, kind="masks", settings=SETTINGS, needs=(), predict=predict)
    with pytest.raises(KeyboardInterrupt):
        stage.work(ALONE, {}, output)
    before = {path: path.stat().st_mtime_ns for path in output.glob("*.png")}
    assert len(before) == 2
    assert stage.work(ALONE, {}, output) == {}
    assert asked == [*images.names[:3], *images.names[2:]]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_infer_lists_faults_and_goes_on(images, output):
    def predict(inputs, names):
        for name in names:
            yield name, ImageFault(f"{name}: torn") if name == "image 1" else value_of("masks", 1)

    stage = infer("out", images, kind="masks", settings=SETTINGS, needs=(), predict=predict)
    assert stage.work(ALONE, {}, output) == {"image 1": "image 1: torn"}
    assert finished(output, "masks", images.names) == set(images.names) - {"image 1"}
    assert stage.work(ALONE, {}, output) == {"image 1": "image 1: torn"}                       # asked again


def test_settings_are_all_of_its_own_that_changes_the_result(images):
    """Seed and precision are the run's, and the runner's to add."""
    def facts(setting=100, **versions):
        return refine("out", images, kind="masks", function=work.bright, arguments=("image", "labels"),
                      settings=Threshold(threshold=setting), versions=versions).settings

    assert facts() == {"threshold": 100, "images": images.fingerprint()}
    assert json.loads(json.dumps(facts())) == facts() == facts(dense_crf=1)
    assert facts(setting=9)["threshold"] == 9
    assert facts(dense_crf=2, random_walk=1) == {**facts(), "versions": {"dense_crf": 2}}


def test_a_context_is_what_a_runs_settings_say():
    values = {"method": "none", "seed": 3, "workers": 2, "devices": ["CPU:0", "CPU:1"], "mixed_precision": True,
              "tensorboard": {"panels": 1}}
    settings = RunSettings.model_validate(values)
    context = Context.of(settings)
    assert context[:4] == (3, 2, ("CPU:0", "CPU:1"), True)
    assert context.tensorboard == settings.tensorboard and context.values == settings.model_dump(mode="json")
    assert Context.of(RunSettings(method="none"))[:5] == Context()[:5]


def test_any_number_of_workers_writes_the_same(images, tmp_path):
    made = []
    for workers in (1, 2):
        assert refinement(images).work(Context(workers=workers), {}, tmp_path / str(workers)) == {}
        made.append(contents(tmp_path / str(workers)))
    assert made[0] == made[1] and len(made[0]) == 5
    for name in images.names:
        expected = work.bright(images.read_image(name), images.labels[name], threshold=100)
        np.testing.assert_array_equal(read_mask(tmp_path / "2", name), expected)


def test_refine_lists_faults_and_makes_only_what_is_missing(images, output):
    """The image's file breaks after one mask was made: that mask is kept, the image asked again is listed."""
    first = refinement(images.subset(["image 0"]))
    assert first.work(ALONE, {}, output) == {}
    before = (output / "image 0.png").stat().st_mtime_ns
    for name in ("image 0", "image 3"):
        images.images[name].write_bytes(b"no image")
    found = refinement(images).work(Context(workers=2), {}, output)
    assert set(found) == {"image 3"} and "image 3.png" in found["image 3"]
    assert (output / "image 0.png").stat().st_mtime_ns == before
    assert finished(output, "masks", images.names) == {"image 0", "image 1", "image 2", "image 4"}


def test_a_killed_worker_is_told(images, output, monkeypatch):
    """What was finished is kept, and the same command makes the rest."""
    stage = refinement(images, function=work.dying, arguments=("image",))
    monkeypatch.setenv(DYING, str(images.read_image("image 3").mean()))
    with pytest.raises(UserError, match="out: a worker process was killed, most likely for want of memory; add --set "
                                        "workers=1 and start again: finished files are kept"):
        stage.work(ALONE, {}, output)
    assert finished(output, "masks", images.names) == {"image 0", "image 1", "image 2"}
    monkeypatch.setenv(DYING, "-1")
    assert stage.work(ALONE, {}, output) == {}
    assert finished(output, "masks", images.names) == set(images.names)


def test_a_defect_is_no_fault_of_an_image(images, output):
    with pytest.raises(ZeroDivisionError, match="a defect"):
        refinement(images, function=work.clumsy, arguments=("image",)).work(ALONE, {}, output)


def test_refine_reads_earlier_stages_and_saliency(images, output, tmp_path):
    write_maps(tmp_path / "cam", images)
    (tmp_path / "cam" / "image 2.npz").write_bytes(b"torn")
    salient = np.zeros((24, 32), np.uint8)
    salient[:, 16:] = 255
    Image.fromarray(salient).save(tmp_path / "salient.png")
    with_maps = images.__class__(**{**images.__dict__, "saliency": dict.fromkeys(images.names[:-1],
                                                                                tmp_path / "salient.png")})
    stage = refinement(with_maps, work.best_plane, ("cam:scores", "saliency"), needs=("cam",))
    found = stage.work(ALONE, {"cam": tmp_path / "cam"}, output)
    assert set(found) == {"image 2", "image 4"}
    assert "image 2.npz" in found["image 2"] and "has no saliency map" in found["image 4"]
    mask = read_mask(output, "image 0")                    # maps of 4.0 at grid column 3 to 4 of 8
    assert mask.sum() == 4 * 4 * 2 and mask[4:12, 16:20].all()       # salient from grid column 4 on


def test_refine_reads_true_masks(images, output):
    """As the data hold them; an image without one is told of."""
    stage = refine("out", images, kind="masks", function=as_they_are, settings=SETTINGS,
                   arguments=("truth",))
    found = stage.work(ALONE, {}, output)
    assert list(found) == ["image 4"] and "has no mask" in found["image 4"]
    for name in images.masks:
        np.testing.assert_array_equal(read_mask(output, name), images.read_mask(name))


def test_workers_compute_on_one_thread(images, output, monkeypatch):
    """There is a worker for each core; the parent's own setting comes back."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    refinement(images, work.threads, ("image",)).work(ALONE, {}, output)
    assert read_mask(output, "image 0").max() == 1
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ


def test_workers_end_with_their_parent(images, output, tmp_path, monkeypatch):
    """A parent that is killed outright leaves no worker behind."""
    monkeypatch.setenv(NOTE, str(tmp_path / "pid"))
    parent = multiprocessing.get_context("spawn").Process(target=work.die_while_refining, args=(images, output))
    parent.start()
    parent.join(PATIENCE)
    assert parent.exitcode == 9
    worker = int((tmp_path / "pid").read_text())
    until(lambda: not _lives(worker))


def _lives(process: int) -> bool:
    with contextlib.suppress(OSError):
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    return False
