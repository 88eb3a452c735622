"""Bodies that a client has compressed, unpacked up to a limit."""

import zlib

from tfwsss.server.refusal import Code, Refusal, invalid

_ANY_HEADER = 32 + zlib.MAX_WBITS          # of gzip or of zlib
_KNOWN = {"gzip", "x-gzip", "deflate"}


def unpacked(body: bytes, coding: str, limit: int) -> bytes | None:
    """Undoes a body's `Content-Encoding`; memory stays within the limit, whatever a body claims.

    Args:
        body: as received.
        coding: value of the header, empty without.
        limit: bytes that the body may have.

    Returns:
        The body, or None where it has more bytes.

    Raises:
        Refusal: the coding is not known, or the body is broken or cut off.

    Example:
    >>> unpacked(zlib.compress(b"{}"), "deflate", 10), unpacked(zlib.compress(bytes(11)), "deflate", 10)
    (b'{}', None)
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in _KNOWN:
        raise Refusal(Code.UNIMPLEMENTED, f"the body's Content-Encoding is {coding!r}; send it plain, or by gzip")
    unpacker = zlib.decompressobj(_ANY_HEADER)
    try:
        found = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise invalid(f"the body is no {coding}: {error}") from error
    if len(found) > limit:
        return None
    if not unpacker.eof or unpacker.unused_data:
        raise invalid(f"the body is no whole {coding}: it is cut off, or goes on after its end")
    return found
