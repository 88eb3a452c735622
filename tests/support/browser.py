"""Headless Chromium, spoken to by its own protocol over a web socket: aiohttp is there already, no driver is needed."""

import asyncio
import base64
import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import aiohttp
import pytest

from tests.support.patience import PATIENCE

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
_CODES = {"ArrowLeft": 37, "ArrowRight": 39, " ": 32, "Tab": 9}


class Tab:
    """A page of a browser; `asked` are the addresses that it wanted, `complaints` its errors but refused requests."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse):
        self._socket, self._number, self.asked, self.complaints = socket, 0, [], []

    async def do(self, method: str, **parameters):
        """Sends a command of the protocol and returns its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=PATIENCE)
            if message.get("method") == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
            entry = message.get("params", {}).get("entry", {"source": "exception"})
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded") and entry["source"] != "network":
                self.complaints.append(message["params"])
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    async def value(self, expression: str):
        """Returns what an expression gives, once it is no promise any more."""
        found = await self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str):
        """Waits until an expression gives something."""
        for _ in range(int(PATIENCE / 0.1)):
            if found := await self.value(expression):
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"never: {expression}; the page says {await self.value('document.body.innerText')}")

    async def choose(self, *paths: Path) -> None:
        """Gives files to the page's input."""
        root = (await self.do("DOM.getDocument"))["root"]["nodeId"]
        node = (await self.do("DOM.querySelector", nodeId=root, selector="#file"))["nodeId"]
        await self.do("DOM.setFileInputFiles", nodeId=node, files=list(map(str, paths)))

    async def press(self, key: str) -> None:
        """Presses and lets go a key."""
        text = {"text": key} if len(key) == 1 else {}
        code = {"key": key, "windowsVirtualKeyCode": _CODES.get(key, ord(key[0]))}
        await self.do("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        await self.do("Input.dispatchKeyEvent", type="keyUp", **code)

    async def look(self, width: int, height: int, dark: bool = False) -> None:
        """Sets the size of the window in CSS pixels and the colours that the user likes."""
        await self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=width < 600)
        await self.do("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    async def picture(self) -> bytes:
        """Returns the window as PNG."""
        return base64.b64decode((await self.do("Page.captureScreenshot", format="png"))["data"])


async def _browse(port: str, address: str, work: Callable[[Tab], Awaitable[None]], downloads: Path | None) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as response:
            where = json.loads(await response.text())["webSocketDebuggerUrl"]
        async with session.ws_connect(where, max_msg_size=0) as socket:
            tab = Tab(socket)
            for domain in ("Network", "Page", "Runtime", "Log"):
                await tab.do(f"{domain}.enable")
            if downloads is not None:
                await tab.do("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
            await tab.do("Page.navigate", url=address)
            await work(tab)
            assert all(url.startswith((address, "data:", "blob:")) for url in tab.asked), tab.asked


def browse(port: str, address: str, work: Callable[[Tab], Awaitable[None]], downloads: Path | None = None) -> None:
    """Opens a page, works on it, and looks that it has asked nobody but its own server.

    Args:
        port: of a browser, see `browser`.
        address: of the page.
        work: what to do with it.
        downloads: folder for what it saves.
    """
    asyncio.run(_browse(port, address, work, downloads))


@contextlib.contextmanager
def browser(folder: Path, further: Sequence[str] = ()) -> Iterator[str]:
    """Starts a browser, if there is one, and gives its port.

    Args:
        folder: for its files.
        further: arguments.
    """
    if BROWSER is None:
        pytest.skip("no Chromium on this machine; install one, Debian's package is chromium")
    process = subprocess.Popen([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                "--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={folder}", *further,
                                "about:blank"], stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if "DevTools listening on" in line)
        yield re.search(r":(\d+)/", line)[1]
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stderr.close()
