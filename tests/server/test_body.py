"""Bodies are read within limits of size and time; the interfaces' own tests send them over the network."""

import asyncio
import gzip
import types

import pytest
from aiohttp import web

from tfwsss.server.body import body_of
from tfwsss.server.refusal import Code, Refusal
from tfwsss.server.requests import Limits

LIMITS = Limits(body=100, pixels=1, side=1, seconds=0.05)


def read(contents: bytes | BaseException, length: int | None = None, **headers) -> bytes:
    async def arrive() -> bytes:
        if isinstance(contents, BaseException):
            raise contents
        return contents

    request = types.SimpleNamespace(content_length=length, headers={"Content-Encoding": headers.get("coding", "")},
                                    read=arrive)
    return asyncio.run(body_of(request, LIMITS))


def test_bodies():
    assert read(b"x" * 100) == b"x" * 100
    assert read(gzip.compress(b"x" * 100), coding="gzip") == b"x" * 100


def test_large_bodies():
    """By what is told, by what arrives, by what a compressed one unpacks to."""
    large = web.HTTPRequestEntityTooLarge(100, 101)
    for contents, told in ((b"", {"length": 101}), (large, {}), (gzip.compress(b"x" * 101), {"coding": "gzip"})):
        with pytest.raises(web.HTTPRequestEntityTooLarge) as caught:
            read(contents, **told)
        assert "larger than 100 bytes" in caught.value.reason


def test_bodies_that_break_off_or_never_come():
    with pytest.raises(Refusal, match="the body cannot be read: cut") as caught:
        read(web.RequestPayloadError("cut"))
    assert caught.value.code == Code.INVALID_ARGUMENT
    with pytest.raises(web.HTTPRequestTimeout):
        read(TimeoutError())
