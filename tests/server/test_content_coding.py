"""Compressed bodies: whole ones are unpacked, bombs are not, broken ones are told."""

import gzip
import zlib

import pytest

from tfwsss.server.content_coding import unpacked
from tfwsss.server.refusal import Code, Refusal

BODY = b'{"inputs": [1, 2, 3]}'
GZIP = gzip.compress(BODY, mtime=0)         # without the time of day: tests are named by their values


@pytest.mark.parametrize(("packed", "coding"), [
    (BODY, ""), (BODY, "identity"), (GZIP, "gzip"), (GZIP, " GZIP "), (GZIP, "x-gzip"),
    (zlib.compress(BODY), "deflate")])
def test_whole_bodies(packed, coding):
    assert unpacked(packed, coding, len(BODY)) == BODY
    if coding.strip() not in ("", "identity"):
        assert unpacked(packed, coding, len(BODY) - 1) is None


def test_a_bomb_stays_within_the_limit():
    packer, parts = zlib.compressobj(9, zlib.DEFLATED, 31), []
    for _ in range(300):
        parts.append(packer.compress(bytes(1_000_000)))
    assert unpacked(b"".join([*parts, packer.flush()]), "gzip", 1000) is None


@pytest.mark.parametrize(("packed", "coding", "words"), [
    (b"{}", "gzip", "the body is no gzip: "), (GZIP[:-4], "gzip", "no whole gzip: it is cut off"),
    (b"", "deflate", "no whole deflate"), (GZIP * 2, "gzip", "goes on after its end"),
    (BODY, "br", "Content-Encoding is 'br'; send it plain"), (BODY, "gzip, gzip", "send it plain, or by gzip")])
def test_what_cannot_be_unpacked(packed, coding, words):
    with pytest.raises(Refusal, match=words) as caught:
        unpacked(packed, coding, 1000)
    assert caught.value.code in (Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED)
