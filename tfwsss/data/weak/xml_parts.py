"""What XML annotations of boxes and of scribbles have in common."""

from pathlib import Path
from xml.etree.ElementTree import Element

from tfwsss.data.weak.parsing import number, read_xml
from tfwsss.errors import ImageFault


def read_annotation(path: Path) -> Element:
    """Reads a file whose root is `annotation`.

    Args:
        path: XML file.

    Returns:
        The root.

    Raises:
        ImageFault: it is none, see `parsing.read_xml`.
    """
    root = read_xml(path)
    if root.tag != "annotation":
        raise ImageFault(f"{path}: the root is {root.tag[:40]!r}; expected 'annotation'")
    return root


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


def class_name(path: Path, element: Element, key: str) -> str:
    """Returns the class name of an object or polygon.

    Args:
        path: XML file, for the message.
        element: of the object.
        key: child that holds the name.

    Raises:
        ImageFault: there is none.
    """
    name = (element.findtext(key) or "").strip()
    if not name:
        raise ImageFault(f"{path}: an {element.tag} without a {key}; write the class there")
    return name
