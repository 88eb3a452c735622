"""The bytes of a request: read within limits of size and time, unpacked within the same."""

import asyncio

from aiohttp import web

from tfwsss.server.content_coding import unpacked
from tfwsss.server.refusal import invalid
from tfwsss.server.requests import Limits


async def body_of(request: web.Request, limits: Limits) -> bytes:
    """Reads the body of a request.

    Args:
        request: what is asked.
        limits: bytes, also of what a compressed body unpacks to, and seconds.

    Returns:
        The body as it was before a `Content-Encoding`.

    Raises:
        Refusal: the body is broken.
        HTTPException: it is too large, or does not arrive in time.
    """
    body = await _received(request, limits)
    if coding := request.headers.get("Content-Encoding"):
        body = await asyncio.to_thread(unpacked, body, coding, limits.body)
        if body is None:
            raise _too_large(limits.body)
    return body


async def _received(request: web.Request, limits: Limits) -> bytes:
    if (request.content_length or 0) > limits.body:
        raise _too_large(limits.body)
    try:
        async with asyncio.timeout(limits.seconds):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        pass                                 # raised below, so that what has been read is not kept by the error
    except web.RequestPayloadError as error:
        raise invalid(f"the body cannot be read: {error}") from error
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(reason=f"the body did not arrive within {limits.seconds:.3g} s") from error
    raise _too_large(limits.body)


def _too_large(limit: int) -> web.HTTPException:
    reason = f"the body is larger than {limit:,} bytes; send a smaller image, or raise --max-body"
    return web.HTTPRequestEntityTooLarge(limit, 0, reason=reason)
