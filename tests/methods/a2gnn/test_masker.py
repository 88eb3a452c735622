import pytest

from tests.support.untrained import untrained_run
from tfwsss.errors import UserError
from tfwsss.methods.a2gnn import masker as module
from tfwsss.methods.opened import load_run

WORDS = "trains a network on each image, .* ask for --stage masks, .* or --stage cam_masks"


@pytest.mark.parametrize("stage", ["pseudo", None])
def test_pseudo_labels_of_other_photographs_are_refused(tmp_path, stage):
    """Also where a run has no segmentation network, and nobody named a stage."""
    run = untrained_run(tmp_path / "run", "a2gnn")
    with pytest.raises(UserError, match=WORDS):
        load_run(run).masker(stage)


def test_plain_class_maps_of_a_run(tmp_path):
    run = untrained_run(tmp_path / "run", "a2gnn", cam_masks={"threshold": 0.3})
    config = load_run(run).config
    assert module.class_maps(config, run).logits == "position_logits"
    stage, masker = load_run(run).masker("cam_masks")
    assert stage == "cam_masks" and masker.num_ids == 4


@pytest.mark.parametrize(("sections", "words"), [
    ({"given": {"cam": "maps"}}, "they were given .given.cam.; ask for --stage masks"),
    ({"seeds": {"confident": False}}, "seeds.confident is false; ask for --stage masks")])
def test_runs_without_a_classifier_say_so(tmp_path, sections, words):
    run = untrained_run(tmp_path / "run", "a2gnn", **sections)
    with pytest.raises(UserError, match=words):
        module.class_maps(load_run(run).config, run)
    given = load_run(run).config.model_copy(update={"given": {"cam": run, "classifier": run / "classifier"}})
    if "given" in sections:
        assert module.class_maps(given, run).network is not None
