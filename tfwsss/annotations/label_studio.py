"""Label Studio's tasks, out: masks as brushes that a person corrects."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from tfwsss.annotations.brush import encode_brush
from tfwsss.palette import IGNORE

IMAGE, LABEL = "image", "tag"
"""Names of the picture and of its labels in the labelling interface."""

LOCAL_FILES = "/data/local-files/?d="
"""Where Label Studio looks for photographs of its own disk."""


def address_of(file: str, prefix: str = LOCAL_FILES) -> str:
    """Returns where Label Studio finds a photograph.

    Args:
        file: its path below what the prefix means.
        prefix: what stands before it; empty: the file is an address already.

    Example:
    >>> address_of("farm/cow 1.jpg"), address_of("https://example.org/cow.jpg", "")
    ('/data/local-files/?d=farm/cow%201.jpg', 'https://example.org/cow.jpg')
    """
    return prefix + (quote(file) if prefix else file)


def label_studio_task(mask: np.ndarray, classes: Sequence[str], address: str, score: float | None = None,
                      further: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns a task whose prediction is a mask: a brush for each class; undecided pixels are not painted.

    Args:
        mask: uint8 `(row, column)`.
        classes: names in the order of the mask ids, background first.
        address: of the photograph, as Label Studio finds it.
        score: how sure the mask is, 0 to 1.
        further: values to show and to sort by, beside the address.

    Returns:
        Task.

    Example:
    >>> task = label_studio_task(np.array([[0, 1, 255]], np.uint8), ("background", "cat"), "cow.jpg", 0.9)
    >>> task["data"], task["predictions"][0]["score"], task["predictions"][0]["result"][0]["value"]["brushlabels"]
    ({'image': 'cow.jpg'}, 0.9, ['cat'])
    """
    rows, columns = mask.shape
    shown = sorted(set(np.unique(mask).tolist()) - {0, IGNORE})
    result = [{"id": f"class{class_id}", "type": "brushlabels", "from_name": LABEL, "to_name": IMAGE,
               "original_width": columns, "original_height": rows, "image_rotation": 0,
               "value": {"format": "rle", "rle": encode_brush(mask == class_id), "brushlabels": [classes[class_id]]}}
              for class_id in shown]
    prediction = {"model_version": "tfwsss", "result": result} | ({} if score is None else {"score": score})
    return {"data": {IMAGE: address, **(further or {})}, "predictions": [prediction]}


def labelling_interface(classes: Sequence[str], palette: np.ndarray) -> str:
    """Returns the labelling interface for such tasks, to be pasted where the project asks for its code.

    Args:
        classes: names in the order of the mask ids, background first.
        palette: uint8 `(256, 3)`.

    Example:
    >>> print(labelling_interface(("background", "cat"), np.full((256, 3), 128, np.uint8)))
    <View>
      <Image name="image" value="$image" zoom="true" zoomControl="true"/>
      <BrushLabels name="tag" toName="image">
        <Label value="cat" background="#808080"/>
      </BrushLabels>
    </View>
    <BLANKLINE>
    """
    labels = [f'    <Label value={quoteattr(name)} background="#{bytes(palette[place].tolist()).hex()}"/>'
              for place, name in enumerate(classes) if place]
    return "\n".join(["<View>", f'  <Image name="{IMAGE}" value="${IMAGE}" zoom="true" zoomControl="true"/>',
                      f'  <BrushLabels name="{LABEL}" toName="{IMAGE}">', *labels, "  </BrushLabels>", "</View>", ""])
