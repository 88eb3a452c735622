"""The page as it is sent, the list of models and health; `test_page.py` looks at the page in a browser."""

import asyncio
import http.client
import re
from pathlib import Path

import aiohttp
import pytest

from tests.support.local_server import call, server
from tests.support.patience import PATIENCE


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
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy and "unsafe" not in policy


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
