"""The page, the list of models and health; the page in a browser, where there is one."""

import asyncio
import http.client
import json
import re
import shutil
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.support.local_server import call, photo, server
from tests.support.patience import PATIENCE

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.fixture(scope="module")
def models(saved, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (folder / "<b>cat").symlink_to(saved)
    return folder


@pytest.fixture(scope="module")
def rest(models):
    with server(models) as started:
        yield started.rest


def test_page(rest):
    """One file, which asks nobody else."""
    status, text = call(rest, "GET", "/")
    assert status == 200 and text.startswith("<!DOCTYPE html>")
    assert not re.search(r"https?:|//\w|<script src|@import|url\(", re.sub(r"/\*\*.*?\*/", "", text))
    policy = _headers(rest)["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy


def _headers(rest: str) -> dict:
    async def ask():
        async with aiohttp.ClientSession() as session, session.head(f"http://{rest}/") as response:
            return dict(response.headers)

    return asyncio.run(ask())


def test_models(rest):
    status, (cat,) = call(rest, "GET", "/models")
    assert status == 200 and cat["name"] == "<b>cat" and cat["version"] == 3
    assert cat["labels"] == ["background", "cat", "dog"]
    assert cat["signatures"]["with_tags"]["inputs"] == ["image_bytes", "tags"]
    assert "__saved_model_init_op" not in cat["signatures"]


def test_health(rest):
    assert call(rest, "GET", "/healthz") == (200, {"status": "ok"})
    assert call(rest, "GET", "/nothing")[0] == 404 and call(rest, "POST", "/healthz")[0] == 405


def headers_of(rest: str, method: str, path: str, **headers) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(rest, timeout=PATIENCE)
    connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, {key: value for key, value in response.getheaders() if key.startswith(("Access-", "Vary"))}


OURS, THEIRS = "https://ours.example", "https://theirs.example"


def test_pages_of_other_addresses_read_nothing_unless_they_are_named(rest, models):
    """By the switch: errors too, and what browsers ask before a POST."""
    asks = {"Access_Control_Request_Method": "POST"}
    assert headers_of(rest, "GET", "/models", Origin=OURS) == (200, {})
    assert headers_of(rest, "OPTIONS", "/v1/models/cat:predict", Origin=OURS, **asks)[1] == {}
    with server(models, "--cors", OURS, "--cors", "http://127.0.0.1:9") as started:
        for path, status in (("/models", 200), ("/v1/models/none", 404), ("/healthz", 200), ("/nothing", 404)):
            assert headers_of(started.rest, "GET", path, Origin=OURS) == (
                status, {"Access-Control-Allow-Origin": OURS, "Vary": "Origin"})
            assert headers_of(started.rest, "GET", path, Origin=THEIRS) == (status, {"Vary": "Origin"})
        status, found = headers_of(started.rest, "OPTIONS", "/v1/models/cat:predict", Origin=OURS, **asks)
        assert status == 204 and "POST" in found["Access-Control-Allow-Methods"]
        assert "Content-Type" in found["Access-Control-Allow-Headers"]
        status, found = headers_of(started.rest, "OPTIONS", "/v1/models/cat:predict", Origin=THEIRS, **asks)
        assert status == 400 and found == {"Vary": "Origin"}


class Tab:
    """A page of a browser, spoken to by the browser's own protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse):
        self._socket, self._number, self.asked = socket, 0, []

    async def do(self, method: str, **parameters):
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=PATIENCE)
            if message.get("method") == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    async def value(self, expression: str):
        return (await self.do("Runtime.evaluate", expression=expression, returnByValue=True))["result"].get("value")

    async def until(self, expression: str):
        for _ in range(int(PATIENCE / 0.1)):
            if found := await self.value(expression):
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"never: {expression}; the page says {await self.value('document.body.innerText')}")

    async def choose(self, path: Path) -> None:
        """Gives a file to the page's input."""
        root = (await self.do("DOM.getDocument"))["root"]["nodeId"]
        node = (await self.do("DOM.querySelector", nodeId=root, selector="#file"))["nodeId"]
        await self.do("DOM.setFileInputFiles", nodeId=node, files=[str(path)])


async def _in_browser(port: str, address: str, work) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as response:
            where = json.loads(await response.text())["webSocketDebuggerUrl"]
        async with session.ws_connect(where, max_msg_size=0) as socket:
            tab = Tab(socket)
            await tab.do("Network.enable")
            await tab.do("Page.navigate", url=address)
            await work(tab)
            assert all(url.startswith((address, "data:", "blob:")) for url in tab.asked), tab.asked


@pytest.fixture
def port(tmp_path):
    """A browser's port."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    call_ = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--remote-debugging-port=0", f"--user-data-dir={tmp_path}/browser", "about:blank"]
    process = subprocess.Popen(call_, stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if "DevTools listening on" in line)
        yield re.search(r":(\d+)/", line)[1]
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stderr.close()


def test_in_a_browser(rest, port, tmp_path):
    """A photograph gives overlay, mask, classes and time; tags choose among classes; what is no image says so."""
    good, bad = tmp_path / "photo <i>.png", tmp_path / "bad.png"
    good.write_bytes(photo("PNG", 40, 60))
    bad.write_bytes(b"no image")
    rows = "[...document.querySelectorAll('#classes tr')].map(row => row.innerText.split('\\t').map(t => t.trim()))"

    async def work(tab: Tab):
        await tab.until("document.querySelector('#model option')?.text === '<b>cat, version 3'")
        await tab.choose(good)
        assert re.fullmatch(r"photo <i>\.png: \d+ ms", await tab.until("/ ms$/.test(at('time').textContent) && "
                                                                      "at('time').textContent"))
        assert await tab.value(rows) == [["background", "0.500", "50.0 %"]]
        assert await tab.value("[at('mask').width, at('overlay').height, at('result').hidden]") == [60, 40, False]
        red = "[...at('overlay').getContext('2d').getImageData(5, 5, 1, 1).data]"
        mixed = await tab.value(red)
        await tab.value("at('opacity').value = 0; at('opacity').dispatchEvent(new Event('input'))")
        assert await tab.value(red) == [200, 0, 0, 255] != mixed
        await tab.value("document.querySelectorAll('#tags input')[1].click()")
        await tab.until("at('result').getAttribute('aria-busy') === 'false'")
        assert await tab.value("[document.querySelectorAll('#tags input').length, at('error').hidden]") == [2, True]
        await tab.choose(bad)
        assert "bad.png: Unknown image file format" in await tab.until("!at('error').hidden && at('error').innerText")
        assert await tab.value("at('result').hidden && !document.querySelector('main b i, option b')")

    asyncio.run(_in_browser(port, f"http://{rest}/", work))
