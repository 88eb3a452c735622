"""What one annotation of PASCAL VOC's form says of its image; a file of another form is a fault, not an empty image."""

from pathlib import Path
from xml.etree import ElementTree

from tfwsss.errors import ImageFault, named

_MAX_BYTES = 1_000_000
_HEADER = {"folder", "filename", "path", "source", "owner", "size", "segmented", "verified", "database", "image_id"}
_FORM = "VOC's form is <annotation><object><name>dog</name>...</object></annotation>"


def object_names(path: Path) -> set[str]:
    """Reads the names of the objects that one annotation holds, its XML namespaces left out.

    Objects that are not marked difficult; where all are, all count.

    Args:
        path: XML file.

    Returns:
        Names as they are written, of no object an empty set.

    Raises:
        ImageFault: the file is missing, is no XML, declares entities, or is an annotation of another form.
    """
    annotation = _annotation(path, _root(path))
    objects = annotation.findall("object")
    strange = sorted({str(child.tag) for child in annotation} - _HEADER - {"object"})
    if not objects and strange:
        raise ImageFault(f"{path}: has no <object> in its <annotation>, but <{strange[0]}>; {_FORM}")
    inside = sum(1 for item in objects for _ in item.iter("object"))
    if sum(1 for _ in annotation.iter("object")) > inside:
        raise ImageFault(f"{path}: has an <object> elsewhere than in its <annotation>; {_FORM}")
    plain = [item for item in objects if (item.findtext("difficult") or "0").strip() != "1"]
    names = {" ".join((item.findtext("name") or "").split()) for item in plain or objects}
    if "" in names:
        raise ImageFault(f"{path}: has an <object> without <name>; {_FORM}")
    return names


def _root(path: Path) -> ElementTree.Element:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ImageFault(f"{path}: cannot be read ({error.strerror}); restore it or strike the image from the "
                         "list") from error
    if len(data) > _MAX_BYTES or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ImageFault(f"{path}: larger than an annotation or with entities of its own; replace it")
    with named(f"{path}: is no XML:", "restore it", ImageFault):
        root = ElementTree.fromstring(data)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _annotation(path: Path, root: ElementTree.Element) -> ElementTree.Element:
    """Returns the one annotation of a file, which may lie inside another element."""
    found = list(root.iter("annotation"))
    found = [root] if root.tag == "annotation" else found
    if len(found) != 1:
        raise ImageFault(f"{path}: begins with <{root.tag}> and holds {len(found)} elements <annotation>; {_FORM}")
    return found[0]
