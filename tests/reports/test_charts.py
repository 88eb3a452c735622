import xml.etree.ElementTree as xml

import pytest

from tfwsss.reports.charts import history_chart, threshold_chart

PATH = "{http://www.w3.org/2000/svg}"


def parsed(svg):
    root = xml.fromstring(svg)
    assert root.tag == f"{PATH}svg"
    return root


def comments(svg):
    """Returns the texts of a chart: matplotlib draws them as outlines and notes each in a comment."""
    import re

    return re.findall(r"<!-- (.*?) -->", svg.decode())


def test_threshold_chart_marks_the_best_point_and_the_chosen_threshold():
    curve = [[0.1, 0.2], [0.2, 0.456], [0.3, None], [0.4, 0.3]]
    svg = threshold_chart({"cam": curve, "_x$y$": curve[:2]}, {"cam": 0.25})
    parsed(svg)
    texts = comments(svg)
    assert "45.6 at 0.2" in texts and "cam: chosen without masks, 0.25" in texts and "x$y$" in texts


def test_threshold_chart_without_any_score():
    parsed(threshold_chart({"cam": [[0.1, None], [0.2, None]]}))


@pytest.mark.parametrize("terms", [1, 3, 7])
def test_history_chart_has_an_axis_for_each_term(terms):
    history = [{f"term_{place}": 1.0 / (epoch + place + 1) for place in range(terms)} for epoch in range(4)]
    svg = history_chart(history)
    parsed(svg)
    assert [text for text in comments(svg) if text.startswith("term")] == [f"term {place}" for place in range(terms)]


def test_loss_comes_first_and_the_learning_rate_last():
    history = [{"learning_rate": 0.1, "a_loss": 1.0, "loss": 2.0, "val_loss": 3.0}]
    assert [text for text in comments(history_chart(history)) if "l" in text] == [
        "loss", "a loss", "learning rate", "val loss"]


def test_broken_values_and_one_epoch_are_drawn():
    parsed(history_chart([{"loss": float("nan"), "a": 0.0}]))
    parsed(history_chart([{"loss": 1.0}, {"loss": float("inf"), "b": 2.0}]))


def test_the_same_run_gives_the_same_bytes():
    history = [{"loss": 1.0 / epoch} for epoch in (1, 2, 3)]
    assert history_chart(history) == history_chart(history)
