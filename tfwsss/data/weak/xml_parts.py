"""What XML annotations of boxes and of scribbles have in common."""

from pathlib import Path
from xml.etree.ElementTree import Element

from tfwsss.annotations.documents import number
from tfwsss.data.weak.parsing import read_xml
from tfwsss.errors import ImageFault

_HEADER = {"folder", "filename", "path", "source", "owner", "size", "segmented", "verified", "database", "image_id"}


def read_annotation(path: Path, items: str, form: str) -> Element:
    """Reads the one `annotation` of a file, which may lie inside another element; XML namespaces are left out.

    Args:
        path: XML file.
        items: name of the elements in it that show something; where there are none, nothing else may stand there
            but what describes the image: a file of another form is no empty one.
        form: of the annotation, last in messages.

    Returns:
        The annotation.

    Raises:
        ImageFault: it is none, see `parsing.read_xml`, or one of another form.
    """
    root = read_xml(path)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    found = [root] if root.tag == "annotation" else list(root.iter("annotation"))
    if len(found) != 1:
        raise ImageFault(f"{path}: begins with <{root.tag[:40]}> and holds {len(found)} elements <annotation>; {form}")
    if found[0].find(items) is None:
        strange = sorted({child.tag for child in found[0]} - _HEADER)
        elsewhere = next(found[0].iter(items), None) is not None
        if strange or elsewhere:
            there = f", but <{strange[0][:40]}>" if strange else ", but elsewhere"
            raise ImageFault(f"{path}: has no <{items}> in its <annotation>{there}; {form}")
    return found[0]


def annotated_size(path: Path, root: Element) -> tuple[int, int] | None:
    """Returns rows and columns of the image that was annotated, None where the file does not tell or says 0.

    Args:
        path: XML file, for the message.
        root: its root.

    Raises:
        ImageFault: they are no numbers.
    """
    size = root.find("size")
    if size is None:
        return None
    try:
        found = tuple(int(number(size.findtext(side))) for side in ("height", "width"))
    except ValueError as error:
        raise ImageFault(f"{path}: size: {error}; mend it, or strike the element out") from None
    return found if min(found) > 0 else None


def class_name(path: Path, element: Element, key: str, form: str) -> str:
    """Returns the class name of an object or polygon, line breaks and runs of spaces as one space.

    Args:
        path: XML file, for the message.
        element: of the object.
        key: child that holds the name.
        form: of the annotation, last in the message.

    Raises:
        ImageFault: there is none.
    """
    name = " ".join((element.findtext(key) or "").split())
    if not name:
        raise ImageFault(f"{path}: an {element.tag} without a {key}; {form}")
    return name
