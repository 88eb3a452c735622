import pydantic
import pytest

from tfwsss.training.graph_settings import FOR_BOXES, Form, GraphSettings, numbers_of


def test_published_values():
    others = {"width": 256, "layers": 3, "affinity_factor": 10.0, "dropout": 0.5, "epochs": [50, 50],
              "learning_rate": 0.03, "decay": 5e-4, "crf_weight": 0.3, "crf_radius": 5, "boxes": False, "pad_label": 0,
              "consistency_threshold": 0.0, "consistency_in_place": True, "draw": 0}
    assert GraphSettings().facts() == others
    assert FOR_BOXES.facts() == {**others, "epochs": [150, 150], "learning_rate": 0.035, "crf_weight": 0.01,
                                 "boxes": True, "pad_label": 255}


def test_memory_is_no_part_of_a_result():
    assert GraphSettings(memory=9).facts() == GraphSettings().facts()


@pytest.mark.parametrize("wrong", [{"pad_label": 7}, {"dropout": 1.0}, {"crf_radius": 9}, {"learning_rate": 0},
                                   {"consistency_threshold": 2}, {"epochs": [1]}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(pydantic.ValidationError):
        GraphSettings(**wrong)


def test_a_training_is_compiled_once_for_all_numbers():
    other = GraphSettings(epochs=(1, 2), learning_rate=1.0, decay=0.0, crf_weight=0.0, pad_label=255, draw=4, memory=1,
                          affinity_factor=2.0, consistency_threshold=0.9)
    assert Form.of(other, 21, 8, 24) == Form.of(GraphSettings(), 21, 8, 24) != Form.of(FOR_BOXES, 21, 8, 24)
    assert numbers_of(other)["epochs"].tolist() == [1, 2] and numbers_of(other)["learning_rate"] == 1


def test_seeds_are_checked_only_where_that_can_take_any():
    def form(**changed):
        return Form.of(FOR_BOXES.model_copy(update=changed), 21, 8, 24)

    assert not form().checks and not form(consistency_threshold=-0.5).checks
    assert form(consistency_threshold=0.1).checks and form(consistency_threshold=0.1).in_place
    assert not form(consistency_threshold=0.1, consistency_in_place=False).in_place
