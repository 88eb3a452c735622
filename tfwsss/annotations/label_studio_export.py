"""Label Studio's export, in: choices, rectangles, brushes, polygons and keypoints of its JSON."""

from collections.abc import Mapping
from typing import Any

from tfwsss.annotations.brush import decode_brush
from tfwsss.annotations.documents import number, shown
from tfwsss.annotations.drawings import Drawing, Drawings, Drawn, check_labels, file_forms
from tfwsss.annotations.runs import check_size, encode_runs
from tfwsss.errors import ImageFault, UserError

_NAMES = ("choices", "rectanglelabels", "brushlabels", "polygonlabels", "keypointlabels", "ellipselabels", "labels")
_TURNED, _ELLIPSES = "rectangles that were turned are left out", "ellipses are left out"


def read_label_studio(where: str, document: Any) -> Drawings:
    """Reads an export of the form JSON.

    Of several annotations of a task the last one counts that was not cancelled, or the one marked as true;
    predictions are not read.

    Args:
        where: the file, for messages.
        document: parsed JSON, a list of tasks.

    Returns:
        A drawing for each annotated task, in pixels; the others are `untouched`.

    Raises:
        UserError: the document is not such an export.

    Example:
    >>> result = {"type": "choices", "value": {"choices": ["cat"]}}
    >>> task = {"data": {"image": "x.jpg"}, "annotations": [{"result": [result]}]}
    >>> read_label_studio("a.json", [task]).images[0].tags
    ('cat',)
    """
    tasks = document if isinstance(document, list) else None
    if tasks is None or not all(isinstance(task, Mapping) and isinstance(task.get("data"), Mapping) for task in tasks):
        raise UserError(f"{where}: is not Label Studio's form; export the project as JSON (not JSON-MIN or CSV)")
    found, faults, untouched, names = [], {}, [], {}
    for place, task in enumerate(tasks):
        file = _address(task["data"]) or f"task {place}"
        try:
            result = _result(f"{where}, {file}", task)
            drawing = None if result is None else _drawing(f"{where}, {file}", file, result)
        except ImageFault as fault:
            faults[file] = str(fault)
            continue
        if drawing is None:
            untouched.append(file)
        else:
            found.append(drawing)
            names |= dict.fromkeys(drawing.tags)
    return Drawings(tuple(found), tuple(names), faults, tuple(untouched))


def _address(data: Mapping[str, Any]) -> str | None:
    texts = [value for key, value in sorted(data.items(), key=lambda pair: pair[0] != "image")
             if isinstance(value, str) and value]
    return texts[0] if texts else None


def _result(where: str, task: Mapping[str, Any]) -> list | None:
    """Returns what a person has drawn, None where nobody has."""
    made = task.get("annotations", task.get("completions", []))
    if not isinstance(made, list) or not all(isinstance(one, Mapping) and isinstance(one.get("result"), list)
                                             for one in made):
        raise ImageFault(f"{where}: its annotations are {shown(made)}; expected a list of objects with result")
    counted = [one for one in made if not one.get("was_cancelled")]
    true = [one for one in counted if one.get("ground_truth")]
    return (true or counted)[-1]["result"] if counted else None


def _drawing(where: str, file: str, result: list) -> Drawing:
    labels: list[Drawn] = []
    notes: list[str] = []
    size = None
    for entry in result:
        try:
            here = (entry["original_height"], entry["original_width"]) if "original_height" in entry else None
            labels += _labels(where, entry["value"], here, notes)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ImageFault(f"{where}: {shown(error)} in {shown(entry)}; export it again") from None
        size = here or size
    if size:
        check_size(where, *size)
    return Drawing(file_forms(file), check_labels(where, labels), size, notes=tuple(notes))


def _labels(where: str, value: Mapping[str, Any], size: tuple[int, int] | None, notes: list[str]) -> list[Drawn]:
    key = next((key for key in _NAMES if value.get(key)), None)
    if key is None:
        notes.append("regions without a class are left out")
        return []
    if not isinstance(value[key], list):
        raise TypeError(f"{key} are no list")
    names = [str(name) for name in value[key]]
    if key == "choices":
        return [Drawn("tag", name) for name in names]
    if size is None:
        raise ValueError("a region whose entry has no original_width and original_height")
    check_size(where, *size)
    shape = _shape(where, key, value, size, notes)
    return [] if shape is None else [shape._replace(name=name) for name in names]


def _shape(where: str, key: str, value: Mapping[str, Any], size: tuple[int, int], notes: list[str]) -> Drawn | None:
    """Returns a region, in pixels; coordinates of the file are per cent of the size."""
    rows, columns = size

    def pixels(x: Any, y: Any) -> tuple[float, float]:
        return number(x) * columns / 100, number(y) * rows / 100

    if "rle" in value:
        return Drawn("mask", "", runs=encode_runs(decode_brush(where, value["rle"], rows, columns)))
    if "points" in value:
        return Drawn("polygon", "", tuple(pixels(x, y) for x, y in value["points"]))
    if "radiusX" in value:
        notes.append(_ELLIPSES)
        return None
    if key == "keypointlabels" or "height" not in value:
        return Drawn("point", "", (pixels(value["x"], value["y"]),))
    if number(value.get("rotation", 0)):
        notes.append(_TURNED)
        return None
    x, y, width, height = (number(value[side]) for side in ("x", "y", "width", "height"))
    return Drawn("box", "", (pixels(x, y), pixels(x + width, y + height)))
