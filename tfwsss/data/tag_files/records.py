"""JSON Lines and lists of JSON objects as tables of tags: keys are columns."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfwsss.annotations.documents import no_number, once, parse_json, shown
from tfwsss.data.columns import CLASSES, NAMES
from tfwsss.data.labels import read_rows, read_text
from tfwsss.data.tag_files.tables import names_image
from tfwsss.data.tag_files.tag_file import FORMS, TagFile
from tfwsss.errors import UserError, brief
from tfwsss.settings.sections import ColumnSettings

EXAMPLE = '{"file_name": "a.jpg", "labels": ["cat", "dog"]}'
"""A line."""


def read_tag_records(path: Path, classes: tuple[str, ...] | None, columns: ColumnSettings,
                     images: Mapping[str, Path]) -> TagFile:
    """Reads JSON Lines, a list of JSON objects, or an object of image names and lists of classes.

    Args:
        path: of the file.
        classes: the known class names, background first, or None.
        columns: which keys to read, where nothing else tells.
        images: name -> file, of the data set.

    Returns:
        Its rows.

    Raises:
        UserError: a line is no JSON object, a label is no text, or as `labels.read_rows`.
    """
    found = _lines(path)
    titles = list(dict.fromkeys(key for _, record in found for key in record))
    marks = columns.least is not None or isinstance(columns.classes, tuple)          # columns of numbers
    words, told = ((), ()) if marks else (CLASSES, (columns.classes,))
    ours = {title for title in titles if title.casefold() in (*words, *NAMES) or title in (columns.name, *told)}
    table = [(line, [_cell(path, line, record.get(title), title in ours) for title in titles])
             for line, record in found]
    return TagFile(path, "JSON records", tuple(read_rows(path, titles, table, classes, columns, names_image(images))),
                   whole=True)


def are_records(document: Any) -> bool:
    """Returns whether a JSON document is a list of flat objects, or image names with lists of classes.

    Args:
        document: parsed JSON.
    """
    if isinstance(document, list):
        return bool(document) and all(isinstance(one, Mapping) and any(key.casefold() in NAMES for key in one)
                                      for one in document)
    return isinstance(document, Mapping) and bool(document) and all(
        isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) for tags in document.values()) \
        and any(document.values())


def _lines(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    """Returns the records, each with its line or its place."""
    text = read_text(path)
    document = _whole(path, text) if text.lstrip()[:1] in ("[", "{") else None
    if isinstance(document, Mapping) and are_records(document):
        return [(place, {"name": name, "classes": tags}) for place, (name, tags) in enumerate(document.items(), 1)]
    if isinstance(document, list):
        found = list(enumerate(document, 1))
    elif isinstance(document, Mapping) and not any(key.casefold() in NAMES for key in document):
        found = [(1, shown(document))]
    else:
        found = [(number, _parsed(path, number, line)) for number, line in enumerate(text.split("\n"), 1)
                 if line.strip()]
    wrong = next(((line, record) for line, record in found if not isinstance(record, Mapping)), None)
    if wrong or not found:
        what = f"line {wrong[0]} is {shown(wrong[1])}" if wrong else "it holds nothing"
        raise UserError(f"data.tags: {path} holds no tags in a form that is read: {what}; expected {FORMS}, each line "
                        f"of JSON such as {EXAMPLE}")
    return found


def _whole(path: Path, text: str) -> Any:
    """Returns the document that a text is as a whole; None where it is none."""
    try:
        return parse_json(str(path), text.encode())
    except UserError:
        if text.lstrip()[:1] == "[":
            raise
        return None


def _parsed(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line, object_pairs_hook=once, parse_constant=no_number)
    except Exception as error:
        raise UserError(f"{path}: line {number} is no JSON ({brief(error)}); expected lines such as "
                        f"{EXAMPLE}") from error


def _cell(path: Path, line: int, value: Any, ours: bool) -> str:
    """Returns a value as the cell of a table."""
    if value is None or isinstance(value, str):
        return " ".join((value or "").split())
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        names = [" ".join(one.split()) for one in value]
        if wrong := next((name for name in names if '"' in name or "\\" in name), None):
            raise UserError(f"{path}: line {line}: the class {wrong!r} holds a quote or a backslash; rename it")
        return json.dumps(names, ensure_ascii=False)
    if ours:
        raise UserError(f"{path}: line {line}: {shown(value)} is no name; expected lines such as {EXAMPLE}")
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, int | float) else shown(value)
