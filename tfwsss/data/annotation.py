"""What one annotation of PASCAL VOC's form says of its image; a file of another form is a fault, not an empty image."""

from pathlib import Path

from tfwsss.data.weak.boxes_xml import counted_objects
from tfwsss.data.weak.xml_parts import class_name, read_annotation
from tfwsss.errors import ImageFault

_FORM = "VOC's form is <annotation><object><name>dog</name>...</object></annotation>"


def object_names(path: Path, difficult: bool = False) -> set[str]:
    """Reads the names of the objects that one annotation holds, its XML namespaces left out.

    Args:
        path: XML file.
        difficult: objects marked difficult count; otherwise only where all of an image are.

    Returns:
        Names as `class_name` gives them, of no object an empty set.

    Raises:
        ImageFault: the file is missing, is no XML, declares entities, or is an annotation of another form.
    """
    annotation = read_annotation(path, "object", _FORM)
    inside = sum(1 for item in annotation.findall("object") for _ in item.iter("object"))
    if sum(1 for _ in annotation.iter("object")) > inside:
        raise ImageFault(f"{path}: has an <object> elsewhere than in its <annotation>; {_FORM}")
    return {class_name(path, item, "name", _FORM) for item in counted_objects(annotation, difficult)}
