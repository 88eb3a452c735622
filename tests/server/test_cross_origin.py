"""Which answers pages of other addresses may read; the switch itself is in test_site.py."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from tfwsss.server.cross_origin import cross_origin

OURS = "https://ours.example"
ASKS = {"Access-Control-Request-Method": "POST"}


def answered(origins, method: str = "GET", **headers) -> tuple[int, dict]:
    async def handler(request):
        return web.Response(status=404)

    request = make_mocked_request(method, "/v1/models/cat", headers=headers)
    response = asyncio.run(cross_origin(origins)(request, handler))
    names = [name for name in response.headers if name.startswith(("Access", "Vary"))]
    return response.status, {name: response.headers[name] for name in names}


@pytest.mark.parametrize(("origins", "origin", "found"), [
    ((), OURS, {}), ((OURS,), OURS, {"Access-Control-Allow-Origin": OURS, "Vary": "Origin"}),
    ((OURS,), "https://ours.example.evil", {"Vary": "Origin"}), ((OURS,), "null", {"Vary": "Origin"}),
    (("*",), "https://any.example", {"Access-Control-Allow-Origin": "*", "Vary": "Origin"})])
def test_answers(origins, origin, found):
    """Whatever the handler says is said; errors are read too."""
    assert answered(origins, Origin=origin) == (404, found)


def test_requests_that_are_asked_for_before():
    status, found = answered((OURS,), "OPTIONS", Origin=OURS, **ASKS)
    assert status == 204 and found["Access-Control-Allow-Methods"] == "GET, POST"
    assert answered((OURS,), "OPTIONS", Origin=OURS)[0] == answered((), "OPTIONS", Origin=OURS, **ASKS)[0] == 404
    assert answered((OURS,), "OPTIONS", Origin="https://theirs.example", **ASKS) == (404, {"Vary": "Origin"})
    assert answered((OURS,), "GET") == (404, {"Vary": "Origin"})
