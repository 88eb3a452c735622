"""What REST makes of refusals and of our own defects; the interface itself is in tests/serving_conformance."""

import asyncio
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from tfwsss.server.refusal import HTTP, Code, Refusal
from tfwsss.server.rest import REST, error_response, errors_as_json


def answered(fault: Exception) -> tuple[int, dict]:
    async def handler(request):
        raise fault

    response = asyncio.run(errors_as_json(make_mocked_request("GET", "/v1/models/cat"), handler))
    return response.status, json.loads(response.body)


@pytest.mark.parametrize("code", list(Code))
def test_refusals(code):
    assert answered(Refusal(code, "why")) == (HTTP[code], {"error": "why"})


def test_defects(caplog):
    """The client learns the kind alone; the server lives."""
    assert answered(KeyError("secret")) == (500, {"error": "KeyError in the server; its log tells more"})
    assert answered(web.HTTPNotFound(reason="Not Found")) == (404, {"error": "Not Found"})
    with pytest.raises(ConnectionResetError):
        answered(ConnectionResetError())


def test_a_full_server_says_when_to_come_again():
    assert error_response(503, "full").headers["Retry-After"] == "1"
    assert "Retry-After" not in error_response(400, "no").headers


@pytest.mark.parametrize(("method", "path", "code"), [
    ("GET", "/v1/models", Code.INVALID_ARGUMENT), ("POST", "/v1/models/cat", Code.INVALID_ARGUMENT),
    ("POST", "/v1/models/cat:explain", Code.INVALID_ARGUMENT), ("POST", "/v1/models/cat:classify", Code.UNIMPLEMENTED),
    ("POST", "/v1/models/cat:regress", Code.UNIMPLEMENTED), ("DELETE", "/v1/models/cat", Code.INVALID_ARGUMENT),
    ("GET", "/v1/models/cat/versions/" + "9" * 5000, Code.INVALID_ARGUMENT),
    ("POST", "/v1/models/cat/metadata:predict", Code.INVALID_ARGUMENT)])
def test_what_is_no_request(method, path, code):
    with pytest.raises(Refusal) as caught:
        asyncio.run(REST(None).handle(make_mocked_request(method, path)))
    assert caught.value.code == code and len(caught.value.message) < 400
