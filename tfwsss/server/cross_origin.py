"""Answers that pages of other addresses may read in a browser (CORS), where the command line names them."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

_ASKED = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Authorization, Content-Type",
          "Access-Control-Max-Age": "600"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def cross_origin(origins: Sequence[str]) -> Callable:
    """Returns a middleware that lets pages of some addresses read all answers, errors too.

    Args:
        origins: such as `https://example.org`, or `*` for all pages; none without.

    Returns:
        To stand before all others.
    """
    @web.middleware
    async def allow(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        allowed = "*" if "*" in origins else origin if origin in origins else ""
        if allowed and request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response: web.StreamResponse = web.Response(status=204, headers=_ASKED)
        else:
            response = await handler(request)
        if allowed:
            response.headers["Access-Control-Allow-Origin"] = allowed
        if origins:
            response.headers["Vary"] = "Origin"
        return response

    return allow
