"""Reads XML and JSON files of labels within bounds: none can exhaust memory or the stack."""

import json
from pathlib import Path
from xml.etree import ElementTree

from tfwsss.annotations.documents import no_number, once, parse_xml, shown
from tfwsss.data.labels import read_text
from tfwsss.errors import ImageFault, UserError, brief, named

MAX_XML, MAX_ELEMENTS = 1_000_000, 50_000
"""Bounds of an XML file: bytes and elements."""

MAX_JSON = 32_000_000
"""Bound of a JSON file in bytes."""


def read_xml(path: Path) -> ElementTree.Element:
    """Reads the annotation of one image.

    Args:
        path: XML file.

    Returns:
        Its root.

    Raises:
        ImageFault: the file is missing, is no XML, is larger or deeper than an annotation, or declares a document
            type, and with it entities, in whatever encoding.
    """
    with named(f"{path}:", "restore it or strike the image from the list", ImageFault), path.open("rb") as file:
        data = file.read(MAX_XML + 1)
    if len(data) > MAX_XML:
        raise ImageFault(f"{path}: larger than an annotation, more than {MAX_XML:,} bytes; replace it")
    return parse_xml(str(path), data, MAX_ELEMENTS, ImageFault, "replace it")


def read_json(path: Path) -> dict[str, list]:
    """Reads a file that lists labels by image name.

    Args:
        path: JSON file, name -> list.

    Returns:
        Its contents; what the lists hold is not looked at.

    Raises:
        UserError: the file is missing, is no JSON, names an image twice, or is too large or too deep.
    """
    with named(f"{path}:", "restore it or name another file"):
        size = path.stat().st_size
    if size > MAX_JSON:
        raise UserError(f"{path}: {size:,} bytes, more than {MAX_JSON:,}; leave out images that the data set does not "
                        "have")
    try:
        found = json.loads(read_text(path), object_pairs_hook=once, parse_constant=no_number)
    except UserError:
        raise
    except RecursionError:
        raise UserError(f"{path}: lists inside lists without end; expected name -> list of labels") from None
    except Exception as error:
        raise UserError(f"{path}: is no JSON of labels ({brief(error)}); mend it") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds a {type(found).__name__}; expected an object, image name -> list of labels")
    wrong = next((name for name, entries in found.items() if not isinstance(entries, list)), None)
    if wrong is not None:
        raise UserError(f"{path}: {wrong!r} has {shown(found[wrong])}; expected a list of labels")
    return found
