"""The page in headless Chromium: several photographs, tags, keys, what it saves, telephones, both sets of colours."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.browser import Tab, browse, browser
from tests.support.local_server import photo, server
from tests.support.patience import until
from tfwsss.annotations.brush import decode_brush
from tfwsss.annotations.coco import read_coco
from tfwsss.annotations.drawings import to_mask

ROWS, COLUMNS = 40, 60
LEFT = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) % COLUMNS < COLUMNS // 2      # what the tiny model calls a cat
CLASSES = ["background", "cat", "dog"]
TABLE = "[...document.querySelectorAll('#classes tr')].map(row => [...row.cells].map(cell => cell.innerText.trim()))"
STATES = "[...document.querySelectorAll('#strip > div')].map(node => node.dataset.state).join()"
RED = "[...at('view').getContext('2d').getImageData(5, 5, 1, 1).data]"


@pytest.fixture(scope="module")
def page(saved, tmp_path_factory):
    """Address of the page, over the first version of the tiny model under a name that is no HTML."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "<b>farm").mkdir()
    (folder / "<b>farm" / "1").symlink_to(saved / "1")
    with server(folder) as started:
        yield f"http://{started.rest}/"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
def photographs(tmp_path) -> list[Path]:
    """Two photographs, one named as HTML, and a file that is none."""
    paths = [tmp_path / "one <i>.png", tmp_path / "two.jpg", tmp_path / "bad.png"]
    paths[0].write_bytes(photo("PNG", ROWS, COLUMNS))
    paths[1].write_bytes(photo("JPEG", ROWS, COLUMNS))
    paths[2].write_bytes(b"no image")
    return paths


async def opened(tab: Tab, *paths: Path) -> None:
    """Waits until the page knows the model, and gives it photographs."""
    await tab.until("document.querySelector('#model option')?.text === '<b>farm, version 1'")
    await tab.choose(*paths)


def test_several_photographs(page, port, photographs):
    """Each gets its mask, the first is shown; what is no image says so, and the others go on."""
    async def work(tab: Tab):
        await opened(tab, *photographs)
        await tab.until(f"{STATES} === 'done,done,failed'")
        assert await tab.value("[at('name').innerText, at('status').innerText, at('error').hidden]") == [
            "one <i>.png", "2 of 3 done, 1 failed", True]
        assert await tab.value(TABLE) == [["background", "0.500", "50.0 %"], ["cat", "0.500", "50.0 %"]]
        assert await tab.value("[at('view').width, at('view').height]") == [COLUMNS, ROWS]
        assert await tab.value("at('view').getAttribute('aria-label')") == \
            "one <i>.png: background 50.0 %, cat 50.0 %"
        await tab.value("document.querySelector('#strip > div:last-child').click()")
        assert "bad.png: Unknown image file format" in await tab.until("!at('error').hidden && at('error').innerText")
        assert await tab.value("!document.querySelector('main figure i, main #strip i, option b')")
        await tab.value("at('clear').click()")
        assert await tab.value("[at('work').hidden, at('error').hidden, at('status').innerText]") == [True, True, ""]
        await tab.choose(photographs[0], photographs[0])                          # again, and twice the same name
        await tab.until(f"{STATES} === 'done,done'")
        assert await tab.value("items.map(item => item.name)") == ["one <i>.png", "one <i> (2).png"]
        assert not tab.complaints

    browse(port, page, work)


def test_keys_and_opacity(page, port, photographs):
    """Arrows change the photograph, space the mask, plus and minus its opacity; what has focus keeps its own keys."""
    async def work(tab: Tab):
        await opened(tab, *photographs[:2])
        await tab.until(f"{STATES} === 'done,done'")
        share = int(await tab.value("at('opacity').value")) / 100
        assert abs((await tab.value(RED))[0] - (200 - 199 * share)) <= 1          # the mask's id 1 is nearly black
        await tab.press("+")
        assert await tab.value("[at('opacity').value, at('percent').value]") == ["70", "70 %"]
        assert abs((await tab.value(RED))[0] - (200 - 199 * 0.7)) <= 1
        await tab.press("-")
        await tab.press("-")
        assert await tab.value("at('percent').value") == "50 %"
        await tab.press(" ")
        assert await tab.value(RED) == [200, 0, 0, 255] and not await tab.value("at('shown').checked")
        await tab.press("-")                                                      # shows it again
        assert await tab.value("at('shown').checked")
        await tab.press("ArrowRight")
        await tab.until("at('name').innerText === 'two.jpg'")
        await tab.press("ArrowRight")                                             # there is none
        selected = "[...document.querySelectorAll('[role=option]')].map(node => node.getAttribute('aria-selected'))"
        assert await tab.value(selected) == ["false", "true"]
        await tab.value("at('opacity').focus()")
        await tab.press("ArrowLeft")                                              # the slider's own
        assert await tab.value("[at('percent').value, at('name').innerText]") == ["35 %", "two.jpg"]
        await tab.value("document.querySelector('[role=option][tabindex=\"0\"]').focus()")
        await tab.press("ArrowLeft")
        await tab.until("at('name').innerText === 'one <i>.png'")
        assert await tab.value("document.activeElement.title") == "one <i>.png"
        await tab.value("document.querySelector('summary').focus()")
        await tab.press(" ")                                                      # opens what has focus
        assert await tab.value("[document.querySelector('details').open, at('shown').checked]") == [True, True]

    browse(port, page, work)


def test_tags(page, port, photographs):
    """They belong to a photograph until they are given to all; each is asked about anew."""
    async def work(tab: Tab):
        await opened(tab, *photographs[:2])
        await tab.until(f"{STATES} === 'done,done'")
        assert await tab.value("at('boxes').innerText.split('\\n').map(text => text.trim())") == CLASSES[1:]
        await tab.value("boxes()[1].click()")
        await tab.until(f"{TABLE}.length === 1 && {STATES} === 'done,done'")
        assert await tab.value("items.map(item => item.reply.classes)") == [["background"], ["background", "cat"]]
        await tab.press("ArrowRight")
        await tab.until("at('name').innerText === 'two.jpg'")
        assert await tab.value("boxes().map(box => box.checked)") == [False, False]
        await tab.press("ArrowLeft")
        await tab.until("at('name').innerText === 'one <i>.png'")
        assert await tab.value("boxes().map(box => box.checked)") == [False, True]
        await tab.value("at('same').click()")
        await tab.until(f"{STATES} === 'done,done' && items.every(item => item.reply.classes.length === 1)")

    browse(port, page, work)


def test_what_it_saves(page, port, photographs, tmp_path):
    """Masks, COCO and tasks of all photographs or of one; the readers of those forms find the masks in them."""
    folder = tmp_path / "saved"
    folder.mkdir()

    async def saves(tab: Tab, form: str, name: str) -> bytes:
        await tab.value(f"document.querySelector('[data-form={form}]').click()")
        until((folder / name).is_file)
        return (folder / name).read_bytes()

    async def work(tab: Tab):
        await opened(tab, *photographs)
        await tab.until(f"{STATES} === 'done,done,failed'")
        with zipfile.ZipFile(io.BytesIO(await saves(tab, "mask", "_b_farm_masks.zip"))) as archive:
            assert archive.testzip() is None and archive.namelist() == ["one <i>.png", "two.png"]
            assert all((np.array(Image.open(archive.open(name))) == LEFT).all() for name in archive.namelist())
        coco = read_coco("saved", json.loads(await saves(tab, "coco", "_b_farm_coco.json")))
        assert [drawing.files for drawing in coco.images] == [("one <i>.png",), ("two.jpg",)] and not coco.faults
        assert all((to_mask("saved", drawing, CLASSES, LEFT.shape) == LEFT).all() for drawing in coco.images)
        tasks = json.loads(await saves(tab, "label-studio", "_b_farm_label_studio.json"))
        assert [task["data"]["image"][-7:] for task in tasks] == ["%3E.png", "two.jpg"]
        for task in tasks:
            brush, = task["predictions"][0]["result"]
            assert brush["value"]["brushlabels"] == ["cat"]
            assert (decode_brush("saved", brush["value"]["rle"], *LEFT.shape) == LEFT).all()
        await tab.value("at('interface').click()")
        until((folder / "interface.xml").is_file)
        assert 'value="cat"' in (folder / "interface.xml").read_text()
        await tab.value("at('every').click()")
        assert (np.array(Image.open(io.BytesIO(await saves(tab, "mask", "one _i_.png")))) == LEFT).all()
        assert len(json.loads(await saves(tab, "coco", "one _i__coco.json"))["images"]) == 1
        assert await tab.value("at('error').hidden") and not tab.complaints

    browse(port, page, work, folder)


LUMINANCE = """colour => colour.match(/[\\d.]+/g).slice(0, 3).map(value => value / 255)
  .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
  .reduce((sum, value, k) => sum + value * [0.2126, 0.7152, 0.0722][k], 0)"""
CONTRASTS = f"""[["body", "body"], [".muted", "body"], ["a", "body"], ["button:enabled", "button"],
  ["#error", "#error"], ["#strip span", "body"]].map(([text, ground]) => {{
    const light = {LUMINANCE}, style = place => getComputedStyle(document.querySelector(place));
    const [dark, bright] = [light(style(text).color), light(style(ground).backgroundColor)].sort((a, b) => a - b);
    return [text, (bright + 0.05) / (dark + 0.05)];
  }})"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_widths_and_colours(page, port, photographs, width, dark):
    """Nothing is wider than the window, text stands out (WCAG's 4.5), and what can be touched is large enough."""
    async def work(tab: Tab):
        await tab.look(width, 800, dark)
        await opened(tab, *photographs)
        await tab.until(f"{STATES} === 'done,done,failed'")
        await tab.value("document.querySelector('#strip > div:last-child').click()")
        await tab.until("!at('error').hidden")
        assert await tab.value("document.documentElement.scrollWidth") <= width
        weak = [pair for pair in await tab.value(CONTRASTS) if pair[1] < 4.5]
        assert not weak, weak
        small = ("[...document.querySelectorAll('button, select, summary, input:not(#file), #strip > div')]"
                 ".map(node => (node.closest('label') || node).getBoundingClientRect())"
                 ".filter(box => Math.min(box.width, box.height) < 24).length")
        assert await tab.value(small) == 0

    browse(port, page, work)


def test_readers_of_screens_name_everything(page, port, photographs):
    async def work(tab: Tab):
        await opened(tab, *photographs[:2])
        await tab.until(f"{STATES} === 'done,done'")
        nodes = (await tab.do("Accessibility.getFullAXTree"))["nodes"]
        found = [(node["role"]["value"], node.get("name", {}).get("value", ""))
                 for node in nodes if not node["ignored"]]
        kinds = {"button", "checkbox", "combobox", "slider", "option", "listbox", "image", "link", "group"}
        assert not [role for role, name in found if role in kinds - {"group"} and not name]
        named = {name for role, name in found if role in kinds}
        assert {"Photographs", "Mask", "Opacity", "Previous photograph", "Next photograph", "two.jpg, done"} <= \
            {name.removesuffix(" 60 %") for name in named}, named

    browse(port, page, work)
