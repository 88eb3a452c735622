"""Folders whose tags stand in one of the forms of annotation tools."""

import json
from pathlib import Path

from tests.data.test_folder import draw, write
from tfwsss.data.folder import read_folder
from tfwsss.data.image_set import ImageSet
from tfwsss.data.tag_files.tag_file import TagSource
from tfwsss.data.weak.label_files import LabelFiles

SIZE = (20, 10)
"""Rows and columns of the images."""


def folder(root: Path, *names: str, **texts: str) -> Path:
    """Draws a.png, b.png, c.png and d.png, or those that are named, into images/, and writes text files."""
    draw(root, *(f"images/{name if '.' in name else f'{name}.png'}" for name in names or "abcd"), size=SIZE)
    return write(root, **texts)


def put(root: Path, contents, name: str = "tags.json") -> Path:
    """Writes JSON, or text or bytes as they are."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = contents if isinstance(contents, str | bytes) else json.dumps(contents, ensure_ascii=False)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(root: Path, tags=None, split=None, files=LabelFiles(), **further) -> ImageSet:  # noqa: B008
    """Reads the folder; masks are kept beside it."""
    return read_folder(root, split, files, TagSource(tags, cache=root / "kept", **further))


def shown(images: ImageSet) -> dict[str, set[str]]:
    """Returns the classes of each image."""
    return {name: {images.classes[label + 1] for label in images.labels[name]} for name in images.names}


def coco(annotations=(), names="abcd", categories=("cat", "dog")) -> dict:
    """Returns a document of images 0, 1, ... and categories 1, 2, ...; annotations are image, category, further."""
    return {"images": [{"id": place, "file_name": f"{name}.png", "height": SIZE[0], "width": SIZE[1]}
                       for place, name in enumerate(names)],
            "categories": [{"id": place, "name": name} for place, name in enumerate(categories, 1)],
            "annotations": [{"id": place, "image_id": image, "category_id": category, **(further[0] if further else {})}
                            for place, (image, category, *further) in enumerate(annotations)]}
