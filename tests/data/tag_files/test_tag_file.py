"""What a file of tags is."""

from pathlib import Path

from tfwsss.data.tag_files.tag_file import FORMS, TagFile, TagSource


def test_defaults():
    found = TagFile(Path("x"), "table", ())
    assert not found.whole and found.drawings == {} and TagSource().needed and TagSource().cache is None
    assert all(word in FORMS for word in ("CSV", "COCO", "Label Studio", "CVAT", "YOLO", "folder for each class"))
