"""Tables of colours in CVAT's form, and masks painted by them."""

import numpy as np
import pytest
from PIL import Image

from tfwsss.data.colour_table import declared_classes, is_colour_table, read_colour_table
from tfwsss.data.folder import read_folder
from tfwsss.data.reading import read_ids
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import voc_palette

TABLE = ("# label:color_rgb:parts:actions\nbackground:0,0,0::\nlesion:250,50,83::\n"
         "old scar:51, 221, 255:head,hand:walk\nvoid:1,2,3::\n")


def table(tmp_path, text=TABLE):
    (tmp_path / "labelmap.txt").write_text(text)
    return read_colour_table(tmp_path / "labelmap.txt")


def test_classes_and_colours(tmp_path):
    classes, palette = table(tmp_path)
    assert classes == ("background", "lesion", "old scar")
    assert palette[[0, 1, 2, 255]].tolist() == [[0, 0, 0], [250, 50, 83], [51, 221, 255], [1, 2, 3]]
    assert palette.shape == (256, 3) and palette.dtype == np.uint8 and len(np.unique(palette, axis=0)) == 256


@pytest.mark.parametrize(("text", "classes", "colours"), [
    ("cat:128,0,0::", ("background", "cat"), [[0, 0, 0], [128, 0, 0]]),
    ("cat:0,0,0::\ndog:128,0,0", ("background", "cat", "dog"), [[0, 128, 0], [0, 0, 0], [128, 0, 0]]),
    ("a:b:1,2,3::\n_background_:9,9,9::", ("background", "a:b"), [[9, 9, 9], [1, 2, 3]])])
def test_tables_without_the_usual_background(tmp_path, text, classes, colours):
    found, palette = table(tmp_path, text)
    assert found == classes and palette[:len(classes)].tolist() == colours
    assert palette[255].tolist() == voc_palette()[255].tolist()


@pytest.mark.parametrize(("text", "words"), [
    ("cat", "line 1 is 'cat'; expected name:red,green,blue::"), ("cat:300,0,0::", "0 to 255"),
    (":1,2,3::", "expected name"),
    ("cat:1,2,3::\ncat:1,2,4::", "line 2 names 'cat'"), ("cat:1,2,3::\ndog:1,2,3::", "a second time"),
    ("cat:1,2,3::\nvoid:1,1,1::\nIgnored:2,2,2::", "line 3 names 'ignore' .* a second time"),
    ("# nothing\n", "names no class"), ("background:0,0,0::", "names no class"), ("cat:1,2::", "line 1")])
def test_mistakes_are_told(tmp_path, text, words):
    with pytest.raises(UserError, match=words):
        table(tmp_path, text)


def test_what_a_data_set_declares(tmp_path):
    classes, palette = declared_classes(tmp_path)
    assert classes is None and (palette == voc_palette()).all()
    table(tmp_path)
    assert declared_classes(tmp_path)[0] == ("background", "lesion", "old scar")
    (tmp_path / "classes.txt").write_text("old scar\nlesion\n")            # tells the order
    classes, palette = declared_classes(tmp_path)
    assert classes == ("background", "old scar", "lesion") and palette[1].tolist() == [51, 221, 255]
    (tmp_path / "classes.txt").write_text("lesion\ncut\n")
    with pytest.raises(UserError, match="labelmap.txt: has no colour for the class 'cut'; add a line such as cut:"):
        declared_classes(tmp_path)


def test_true_masks_in_colours_of_ones_own(tmp_path):
    """As colour images, and indexed with indices that are not the ids; other colours are told of."""
    palette, mask = table(tmp_path).palette, np.array([[0, 2, 2], [1, 1, 255]], np.uint8)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        Image.new("RGB", (3, 2)).save(tmp_path / "images" / f"{name}.png")
    Image.fromarray(palette[mask]).save(tmp_path / "masks" / "a.png")
    Image.fromarray(palette[mask]).quantize(4).save(tmp_path / "masks" / "b.png")
    assert (np.array(Image.open(tmp_path / "masks" / "b.png")) != mask).any()
    (tmp_path / "labels.csv").write_text("name,classes\na,lesion;old scar\nb,lesion;old scar\n")
    images = read_folder(tmp_path)
    assert images.classes == ("background", "lesion", "old scar") and images.labels["a"] == (0, 1)
    assert (images.read_mask("a") == mask).all() and (images.read_mask("b") == mask).all()
    Image.new("RGB", (3, 2), (9, 9, 9)).save(tmp_path / "masks" / "a.png")
    with pytest.raises(ImageFault, match=r"colour \[9, 9, 9\] is not in the palette; .*labelmap.txt"):
        images.read_mask("a")


def test_indices_count_without_a_table_and_where_colours_are_others(tmp_path):
    picture = Image.fromarray(np.array([[0, 1]], np.uint8))
    picture.putpalette([7, 7, 7, 0, 128, 0])                               # of VOC's colours: id 2
    picture.save(tmp_path / "a.png")
    for palette in (None, voc_palette(), table(tmp_path).palette):
        assert read_ids(tmp_path / "a.png", palette).tolist() == [[0, 1]]


def test_a_table_is_told_from_a_list_of_names(tmp_path):
    for text, answer in ((TABLE, True), ("cat\ndog\n", False), ("", False), ("# cat:1,2,3::\ncat\n", False)):
        (tmp_path / "colours.txt").write_text(text)
        assert is_colour_table(tmp_path / "colours.txt") is answer
    (tmp_path / "labelmap.txt").write_text("cat\n")
    assert is_colour_table(tmp_path / "labelmap.txt")


def test_long_lines_end_soon(tmp_path):
    with pytest.raises(UserError, match="line 1 is 'a  "):
        table(tmp_path, "a" + " " * 100_000 + "b" + ":" * 100_000 + ",")
