"""What one annotation of PASCAL VOC's form says of its image; a file of another form is a fault, not an empty image."""

from pathlib import Path
from xml.etree.ElementTree import Element

from tfwsss.data.weak.boxes_xml import counted_objects
from tfwsss.data.weak.parsing import read_xml
from tfwsss.errors import ImageFault

_HEADER = {"folder", "filename", "path", "source", "owner", "size", "segmented", "verified", "database", "image_id"}
_FORM = "VOC's form is <annotation><object><name>dog</name>...</object></annotation>"


def object_names(path: Path, difficult: bool = False) -> set[str]:
    """Reads the names of the objects that one annotation holds, its XML namespaces left out.

    Args:
        path: XML file.
        difficult: objects marked difficult count; otherwise only where all of an image are.

    Returns:
        Names as they are written, of no object an empty set.

    Raises:
        ImageFault: the file is missing, is no XML, declares entities, or is an annotation of another form.
    """
    annotation = _annotation(path, read_xml(path))
    objects = annotation.findall("object")
    strange = sorted({str(child.tag) for child in annotation} - _HEADER - {"object"})
    if not objects and strange:
        raise ImageFault(f"{path}: has no <object> in its <annotation>, but <{strange[0]}>; {_FORM}")
    inside = sum(1 for item in objects for _ in item.iter("object"))
    if sum(1 for _ in annotation.iter("object")) > inside:
        raise ImageFault(f"{path}: has an <object> elsewhere than in its <annotation>; {_FORM}")
    counted = counted_objects(annotation, difficult)
    names = {" ".join((item.findtext("name") or "").split()) for item in counted}
    if "" in names:
        raise ImageFault(f"{path}: has an <object> without <name>; {_FORM}")
    return names


def _annotation(path: Path, root: Element) -> Element:
    """Returns the one annotation of a file, which may lie inside another element, without namespaces."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    found = list(root.iter("annotation"))
    found = [root] if root.tag == "annotation" else found
    if len(found) != 1:
        raise ImageFault(f"{path}: begins with <{root.tag}> and holds {len(found)} elements <annotation>; {_FORM}")
    return found[0]
