import os
from pathlib import Path

import pytest

from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.errors import UserError


def test_paths_lie_below_the_data_or_are_as_written(tmp_path, monkeypatch):
    (tmp_path / "data" / "masks").mkdir(parents=True)
    for place in (tmp_path / "data" / "b.json", tmp_path / "b.json", tmp_path / "p.json"):
        place.write_text("{}")
    monkeypatch.chdir(tmp_path)
    files = LabelFiles(Path("b.json"), Path("p.json"), None, Path("masks")).below(tmp_path / "data")
    assert files.places == {"boxes": tmp_path / "data" / "b.json", "points": Path("p.json"),
                            "full_masks": tmp_path / "data" / "masks"}
    assert LabelFiles(tmp_path / "p.json").below(tmp_path / "data").boxes == tmp_path / "p.json"
    assert LabelFiles().below(Path("nowhere")) == LabelFiles() and os.getcwd() == str(tmp_path)


def test_paths_that_lead_nowhere(tmp_path):
    with pytest.raises(UserError, match="data.scribbles: there is no lines below .*, nor is there as written"):
        LabelFiles(scribbles=Path("lines")).below(tmp_path)
    (tmp_path / "masks").write_text("")
    with pytest.raises(UserError, match="data.full_masks: .*masks is no folder"):
        LabelFiles(full_masks=Path("masks")).below(tmp_path)
