"""The command that hands masks on."""

import json

import pytest

from tests.support.fake_run import CLASSES, fake_run, write_pseudo
from tfwsss.annotate import FORMATS, main
from tfwsss.reports.annotation_files import WRITERS


@pytest.fixture
def masks(tmp_path):
    _, images = fake_run(tmp_path)
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    return write_pseudo(tmp_path / "masks", images)


def printed(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_every_form_that_is_offered_has_a_writer():
    assert tuple(WRITERS) == FORMATS


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_prints_one_object_and_a_note(masks, tmp_path, capsys, form):
    code, out, err = printed(capsys, masks, "--to", form, "--out", tmp_path / "out")
    told = json.loads(out)
    assert code == 0 and told["images"] == 5 and told["faults"] == 0 and told["objects"] > 0
    assert err.startswith("note: 4.2 % of the pixels are undecided") and err.count("\n") == 1
    assert ("stay 255" in err) == (form == "voc") and any((tmp_path / "out").iterdir())


def test_broken_masks_make_the_exit_code_1(masks, tmp_path, capsys):
    (masks / "image 0.png").write_bytes(b"torn")
    code, out, err = printed(capsys, masks, "--to", "coco", "--out", tmp_path / "out")
    assert code == 1 and json.loads(out)["images"] == 4 and "fault: image 0: " in err


def test_mistakes_give_one_line(masks, tmp_path, capsys):
    for arguments, expected in ((("--stage", "pseudo"), "leave --stage out"), (("--doubtful", 3), "nothing tells"),
                                (("--classes", tmp_path / "none"), "cannot be read")):
        code, out, err = printed(capsys, masks, "--to", "coco", "--out", tmp_path / "out", *arguments)
        assert code == 2 and out == "" and expected in err and err.count("\n") == 1
    for wrong in (("--to", "xml"), ("--to", "coco", "--doubtful", "0"), ("--to", "coco", "--least", "x")):
        with pytest.raises(SystemExit):
            main([str(masks), "--out", str(tmp_path / "out"), *wrong])
    assert not (tmp_path / "out").exists()
