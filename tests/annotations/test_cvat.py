import io

import numpy as np
import pytest
from PIL import Image

from tests.support.blobs import blobs
from tfwsss.annotations.cvat import labelmap, object_colours, read_cvat_images
from tfwsss.annotations.documents import parse_xml
from tfwsss.annotations.drawings import to_mask
from tfwsss.annotations.parts import parts_of
from tfwsss.annotations.runs import decode_runs
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette

CLASSES = ("background", "cat", "traffic sign", "жук")


def read(text: str):
    return read_cvat_images("a.xml", parse_xml("a.xml", text.encode()))


def image(inner: str, name: str = "a.jpg") -> str:
    return f'<image id="0" name="{name}" width="8" height="6">{inner}</image>'


def test_objects_have_colours_of_their_own():
    mask = blobs(1)
    colours, count = object_colours(mask)
    keys = colours.astype(int) @ [65536, 256, 1]
    parts = list(parts_of(mask))
    assert count == len(parts) == len(set(np.unique(keys).tolist()) - {0}) > 3
    for number, part in enumerate(parts, 1):
        assert (colours[part.whole(mask.shape)] == voc_palette()[number]).all()
    assert (keys[mask == 255] == 0).all() and (keys[mask == 0] == 0).all()


def test_more_objects_than_a_palette_holds():
    mask = np.zeros((61, 61), np.uint8)
    mask[::2, ::2] = 1
    colours, count = object_colours(mask)
    assert count == 31 * 31 == len(np.unique(colours.reshape(-1, 3), axis=0)) - 1


@pytest.mark.parametrize("name", ["a:b", "a\nb", " a", "#a"])
def test_names_that_the_table_cannot_hold(name):
    with pytest.raises(UserError, match="rename the class"):
        labelmap(("background", name), voc_palette())


def test_the_reader_of_the_tool_itself_gives_the_same_masks(tmp_path):
    """CVAT imports this form by datumaro."""
    datumaro = pytest.importorskip("datumaro", reason="datumaro is not installed")
    masks = {"a b": blobs(0), "farm/жук": blobs(1, (50, 40))}
    (tmp_path / "labelmap.txt").write_text(labelmap(CLASSES, voc_palette()), encoding="utf-8")
    (tmp_path / "ImageSets" / "Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Segmentation" / "default.txt").write_text("\n".join(masks), encoding="utf-8")
    for name, mask in masks.items():
        picture = Image.fromarray(np.where(mask == 255, np.uint8(0), mask))
        picture.putpalette(voc_palette().tobytes())
        objects = Image.fromarray(object_colours(mask)[0])
        for folder, each in (("SegmentationClass", picture), ("SegmentationObject", objects)):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            each.save(tmp_path / folder / f"{name}.png")
    data = datumaro.components.dataset.Dataset.import_from(str(tmp_path), "voc_segmentation")
    names = [label.name for label in data.categories()[datumaro.components.annotation.AnnotationType.label]]
    found = {item.id: item.annotations for item in data}
    assert set(found) == set(masks)
    for name, mask in masks.items():
        back = np.zeros_like(mask)
        for annotation in found[name]:
            back[annotation.image.astype(bool)] = CLASSES.index(names[annotation.label])
        np.testing.assert_array_equal(back, np.where(mask == 255, 0, mask))
        assert len(found[name]) == sum(1 for _ in parts_of(mask))


def test_every_kind_of_shape():
    found = read("<annotations><meta><task><labels><label><name>cat</name></label><label><name>dog</name></label>"
                 "</labels></task></meta>" + image(
                     '<tag label="dog" source="manual"/>'
                     '<box label="cat" xtl="1" ytl="2" xbr="3.5" ybr="4" z_order="0"/>'
                     '<polygon label="cat" points="0,0;4,0;4,3;0,3"/><polyline label="dog" points="1,1;2,2"/>'
                     '<points label="cat" points="5,5;6.5,1"/><ellipse label="cat" cx="1" cy="1"/>'
                     '<box label="cat" xtl="1" ytl="2" xbr="3" ybr="4" rotation="45"/>'
                     '<mask label="dog" rle="1,2,1,2" left="2" top="1" width="3" height="2"/>') + "</annotations>")
    drawing, = found.images
    assert [label.kind for label in drawing.labels] == ["tag", "box", "polygon", "line", "point", "point", "mask"]
    assert drawing.size == (6, 8) and found.classes == ("cat", "dog") and drawing.tags == ("dog", "cat")
    assert drawing.labels[1].points == ((1, 2), (3.5, 4)) and drawing.labels[5].points == ((6.5, 1),)
    assert drawing.notes == ("shapes of the kind ellipse are left out", "boxes that were turned are left out")
    pixels = decode_runs(drawing.labels[6].runs)
    assert np.argwhere(pixels).tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert to_mask("a", drawing, ("background", "cat", "dog"), (6, 8))[1].tolist() == [1, 1, 1, 2, 2, 0, 0, 0]


def test_what_lies_on_top():
    shapes = ('<polygon label="cat" z_order="2" points="0,0;8,0;8,6;0,6"/>'
              '<polygon label="dog" z_order="1" points="0,0;8,0;0,6"/>')
    drawing, = read(f"<annotations>{image(shapes)}</annotations>").images
    assert [label.name for label in drawing.labels] == ["dog", "cat"]


def test_a_file_that_the_tools_library_wrote(tmp_path):
    datumaro = pytest.importorskip("datumaro", reason="datumaro is not installed")
    kinds = datumaro.components.annotation
    picture = datumaro.components.media.Image(data=np.zeros((6, 8, 3)))
    item = datumaro.components.extractor.DatasetItem(id="a", media=picture, annotations=[
        kinds.Label(1), kinds.Bbox(1, 2, 3, 2, label=0), kinds.Polygon([0, 0, 4, 0, 4, 3], label=1),
        kinds.Points([5, 5], label=0)])
    data = datumaro.components.dataset.Dataset.from_iterable([item], categories=["cat", "dog"])
    data.export(str(tmp_path), "cvat", save_media=False)
    path, = tmp_path.rglob("*.xml")
    found = read_cvat_images("a.xml", parse_xml("a.xml", path.read_bytes()))
    kinds = {label.kind: label for label in found.images[0].labels}
    assert {kind: label.name for kind, label in kinds.items()} == {
        "tag": "dog", "box": "cat", "polygon": "dog", "point": "cat"}
    assert kinds["box"].points == ((1, 2), (4, 4)) and found.classes == ("cat", "dog")


@pytest.mark.parametrize("shape", [
    '<box label="cat" xtl="1" ytl="2" xbr="3"/>', '<box xtl="1" ytl="2" xbr="3" ybr="4"/>',
    '<polygon label="cat" points=""/>',
    '<polygon label="cat" points="1,2;3"/>', '<polygon label="cat" points="1,2;3,nan"/>', '<points label="cat"/>',
    '<mask label="cat" rle="1,2" left="0" top="0" width="2" height="2"/>',
    '<mask label="cat" rle="-1,5" left="0" top="0" width="2" height="2"/>',
    '<mask label="cat" rle="0,4" left="7" top="0" width="2" height="2"/>',
    '<mask label="cat" rle="0,4" left="0" top="0" width="900000" height="900000"/>',
    '<mask label="cat" left="0" top="0" width="2" height="2"/>'])
def test_a_broken_shape_is_a_fault_of_its_image(shape):
    found = read(f"<annotations>{image(shape)}{image('', 'b.jpg')}</annotations>")
    assert [drawing.files for drawing in found.images] == [("b.jpg",)]
    assert found.faults["a.jpg"].startswith("a.xml, a.jpg: ") and "\n" not in found.faults["a.jpg"]


def test_an_image_without_a_size():
    assert "expected width and height" in read('<annotations><image name="a.jpg"/></annotations>').faults["a.jpg"]


@pytest.mark.parametrize("text", ["<annotation/>", "<annotations><track/></annotations>"])
def test_other_documents(text):
    with pytest.raises(UserError, match="CVAT for images"):
        read(text)


def test_class_masks_as_png_keep_their_colours():
    """As the archive has them: an indexed PNG whose colours are those of the table."""
    picture = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    picture.putpalette(voc_palette().tobytes())
    picture.save(buffer := io.BytesIO(), "PNG")
    colours = np.array(Image.open(buffer).convert("RGB"))[0].tolist()
    table = labelmap(CLASSES, voc_palette()).splitlines()[1:]
    assert [line.split(":")[1] for line in table[:3]] == [",".join(map(str, colour)) for colour in colours]
