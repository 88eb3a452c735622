import numpy as np
import pytest

from tfwsss.annotations.brush import encode_brush
from tfwsss.annotations.label_studio_export import read_label_studio
from tfwsss.annotations.runs import decode_runs
from tfwsss.errors import UserError

SIZE = {"original_width": 40, "original_height": 20, "image_rotation": 0}


def entry(kind: str, **value) -> dict:
    return {"type": kind, "from_name": "tag", "to_name": "image", **SIZE, "value": {kind: ["cat"], **value}}


def task(*result, name: str = "a.jpg", **further) -> dict:
    return {"data": {"note": "x", "image": name}, "annotations": [{"result": list(result), **further}]}


def test_every_kind_of_label_in_pixels():
    brush = np.eye(20, 40, dtype=bool)
    found = read_label_studio("a.json", [task(
        entry("choices"), entry("rectanglelabels", x=10, y=50, width=25, height=10, rotation=0),
        entry("polygonlabels", points=[[0, 0], [50, 0], [0, 100]]), entry("keypointlabels", x=50, y=5, width=0.4),
        entry("brushlabels", format="rle", rle=encode_brush(brush)),
        entry("rectanglelabels", x=1, y=1, width=5, height=5, rotation=30),
        entry("ellipselabels", x=50, y=50, radiusX=5, radiusY=5), entry("labels", x=50, y=50, radiusX=5, radiusY=5),
        {"value": {"text": ["hm"]}, "type": "textarea"})])
    drawing, = found.images
    assert [label.kind for label in drawing.labels] == ["tag", "box", "polygon", "point", "mask"]
    assert drawing.labels[1].points == ((4, 10), (14, 12)) and drawing.labels[2].points == ((0, 0), (20, 0), (0, 20))
    assert drawing.labels[3].points == ((20, 1),) and drawing.tags == ("cat",) == found.classes
    np.testing.assert_array_equal(decode_runs(drawing.labels[4].runs), brush)
    assert drawing.notes == ("rectangles that were turned are left out", *["ellipses are left out"] * 2,
                             "regions without a class are left out")


def test_several_classes_of_a_choice_or_region():
    labels = [{**entry("rectanglelabels", x=0, y=0, width=100, height=100), "type": "rectanglelabels"}]
    labels[0]["value"]["rectanglelabels"] = ["cat", "dog"]
    found = read_label_studio("a.json", [task(*labels)]).images[0]
    assert [(label.kind, label.name) for label in found.labels] == [("box", "cat"), ("box", "dog")]


def test_which_annotation_counts():
    """The last that was not cancelled; one marked as true before it; without any, nobody has looked."""
    def made(name, **further):
        return {"result": [{"type": "choices", "value": {"choices": [name]}}], **further}

    tasks = [{"data": {"image": f"{place}.jpg"}, "annotations": annotations} for place, annotations in enumerate([
        [made("cat"), made("dog"), made("cow", was_cancelled=True)], [made("cat", ground_truth=True), made("dog")],
        [made("cow", was_cancelled=True)], []])]
    found = read_label_studio("a.json", tasks)
    assert [drawing.tags for drawing in found.images] == [("dog",), ("cat",)]
    assert found.untouched == ("2.jpg", "3.jpg") and not found.faults


def test_an_annotated_image_may_show_nothing():
    assert read_label_studio("a.json", [task()]).images[0].labels == ()


@pytest.mark.parametrize("broken", [
    task(entry("brushlabels", rle=[1, 2, 3])), task(entry("brushlabels", rle="x")), task({"type": "choices"}),
    task(entry("polygonlabels", points=[[0]])), task(entry("polygonlabels", points=7)), task(7), task(None),
    task(entry("rectanglelabels", x="left", y=0, width=1, height=1)), task(entry("rectanglelabels", x=1, height=5)),
    task({"type": "rectanglelabels", "value": {"rectanglelabels": ["cat"], "x": 0, "y": 0, "width": 1, "height": 1}}),
    task({**entry("rectanglelabels", x=0, y=0, width=1, height=1), "original_width": 10**7, "original_height": 10**7}),
    task({**entry("choices"), "original_width": "wide"}), task(entry("choices", choices=5)),
    task(entry("choices", choices="cat")),
    {"data": {"image": "a.jpg"}, "annotations": "none"}, {"data": {"image": "a.jpg"}, "annotations": [{}]},
    task(entry("rectanglelabels", x=1e300, y=0, width=1, height=1))])
def test_a_broken_task_is_a_fault_of_its_image(broken):
    found = read_label_studio("c.json", [broken, task(entry("choices"), name="b.jpg")])
    assert [drawing.files for drawing in found.images] == [("b.jpg",)]
    assert list(found.faults) == ["a.jpg"] and found.faults["a.jpg"].startswith("c.json, a.jpg: ")
    assert "\n" not in found.faults["a.jpg"]


@pytest.mark.parametrize("document", [{}, [1], [{"image": "a.jpg", "choice": "cat"}], None, "x"])
def test_what_is_no_export(document):
    with pytest.raises(UserError, match="export the project as JSON"):
        read_label_studio("c.json", document)
