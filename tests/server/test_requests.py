"""Large images are refused from their header; counts and leases of every outcome."""

import asyncio
import struct
import threading
import zlib

import pytest

from tests.support.local_server import photo
from tests.support.patience import PATIENCE
from tfwsss.server.library import Library, Wanted
from tfwsss.server.metrics import Metrics
from tfwsss.server.model_configs import ModelConfig
from tfwsss.server.refusal import Code, Refusal, invalid
from tfwsss.server.requests import Limits, Predictor, refuse_large
from tfwsss.server.workers import Workers

LIMITS = Limits(body=1000, pixels=10_000, side=1000, seconds=PATIENCE)


def header(rows: int, columns: int) -> bytes:
    """The start of a PNG of that size."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize("contents", [header(101, 100), header(60_000, 60_000), photo("JPEG", 101, 100),
                                      photo("GIF", 101, 100), photo("BMP", 101, 100), photo("WEBP", 101, 100)],
                         ids=["png", "huge png", "jpeg", "gif", "bmp", "webp"])
def test_large_images(contents):
    with pytest.raises(Refusal, match="pixels, more than 10,000; make it smaller") as caught:
        refuse_large("image_bytes", contents, LIMITS)
    assert caught.value.code == Code.INVALID_ARGUMENT


@pytest.mark.parametrize("contents", [header(1001, 1), header(1, 1001), photo("JPEG", 1001, 2), photo("GIF", 2, 1001)])
def test_long_images(contents):
    """However few their pixels are."""
    with pytest.raises(Refusal, match="a side of 1,001 pixels, more than 1,000; cut it in pieces"):
        refuse_large("image_bytes", contents, LIMITS)
    refuse_large("image_bytes", photo("JPEG", 1000, 2), LIMITS)


@pytest.mark.parametrize("contents", [header(100, 100), photo("JPEG", 100, 100), b"", b"text", b"\xff\xd8\xff", b"RIFF",
                                      header(9, 9)[:20], b"BM" + bytes(60)],
                         ids=lambda contents: repr(contents[:12]))
def test_what_is_left_to_the_model(contents):
    refuse_large("image_bytes", contents, LIMITS)


def test_every_outcome_is_counted_and_gives_the_version_back(saved):
    library, metrics = Library(lambda path: path), Metrics()
    library.refresh([ModelConfig("cat", saved)])
    predictor = Predictor(library, Workers(1, 1), metrics, Limits(1000, 1000, 1000, PATIENCE))
    go = threading.Event()

    def refuse(lease):
        raise invalid("no")

    def linger(lease):
        go.wait()

    async def ask():
        assert await predictor.answer(Wanted("cat"), "REST", lambda lease: lease.number) == 3
        for model, work, kind in (("cat", refuse, Refusal), ("dog", refuse, Refusal), ("cat", linger, Refusal),
                                  ("cat", lambda lease: 1 / 0, ZeroDivisionError)):
            with pytest.raises(kind):
                await predictor.answer(Wanted(model), "GRPC", work, seconds=0.01 if work is linger else None)
            if work is linger:
                go.set()
        with pytest.raises(Refusal):
            await predictor.answer(Wanted("cat"), "GRPC", linger, seconds=-1)
        assert predictor.workers.close(PATIENCE)

    asyncio.run(ask())
    text = metrics.text({})
    for model, status, count in (("cat", "OK", 1), ("cat", "INVALID_ARGUMENT", 1), ("", "NOT_FOUND", 1),
                                 ("cat", "DEADLINE_EXCEEDED", 2), ("cat", "INTERNAL", 1)):
        assert f'{{model_name="{model}",status="{status}"}} {count}\n' in text
    assert library.versions("cat")[0].users == 0 and 'model_name="dog"' not in text
