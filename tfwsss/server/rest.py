"""TensorFlow Serving's REST interface."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from google.protobuf import json_format

from tfwsss.logs import LOG
from tfwsss.server import replies
from tfwsss.server.body import body_of
from tfwsss.server.json_answer import write_answer
from tfwsss.server.json_form import read_request
from tfwsss.server.library import Lease, Wanted
from tfwsss.server.model_configs import MAX_VERSION
from tfwsss.server.refusal import HTTP, Code, Refusal, invalid
from tfwsss.server.requests import Predictor

_PATH = re.compile(r"/v1/models(?:/(?P<model>[^/:]+)(?:/(?:versions/(?P<version>\d+)|labels/(?P<label>[^/:]+)))?"
                   r"(?P<metadata>/metadata)?(?::(?P<verb>\w+))?)?")
_MAX_DIGITS = 100               # more make a number too large as well
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def error_response(status: int, message: str) -> web.Response:
    """Returns an error as clients of TensorFlow Serving expect it.

    Args:
        status: of HTTP.
        message: what is wrong.

    Returns:
        JSON with the key `error`.
    """
    headers = {"Retry-After": "1"} if status == HTTP[Code.UNAVAILABLE] else None
    return web.json_response({"error": message}, status=status, headers=headers)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever a handler raises into an answer.

    Args:
        request: what is asked.
        handler: what answers.

    Returns:
        Its answer, or an error.
    """
    try:
        return await handler(request)
    except Refusal as refusal:
        return error_response(HTTP[refusal.code], refusal.message)
    except web.HTTPException as error:
        return error_response(error.status, error.reason)
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception as error:       # a defect of ours: one request fails, the server lives on
        LOG.exception("%s %s", request.method, request.path)
        return error_response(HTTP[Code.INTERNAL], f"{type(error).__name__} in the server; its log tells more")


class REST:
    """The handler of all paths below /v1.

    Args:
        predictor: answers the predict requests.
    """

    def __init__(self, predictor: Predictor):
        self._predictor = predictor

    async def handle(self, request: web.Request) -> web.Response:
        """Answers a request: status and metadata by GET, predict by POST."""
        found = _PATH.fullmatch(request.path)
        if not found:
            raise _malformed(request)
        if found["model"] is None:
            raise invalid("no model is named; expected /v1/models/NAME")
        version = None if found["version"] is None else int(found["version"][:_MAX_DIGITS])
        if version is not None and version > MAX_VERSION:
            raise invalid(f"{found['version'][:40]} is no version number; the largest is {MAX_VERSION}")
        wanted = Wanted(found["model"], version, found["label"])
        if request.method == "POST" and found["verb"] and not found["metadata"]:
            return await self._predict(request, wanted, found["verb"])
        if request.method not in ("GET", "HEAD") or found["verb"]:
            raise _malformed(request)
        return self._metadata(wanted) if found["metadata"] else self._status(wanted)

    def _status(self, wanted: Wanted) -> web.Response:
        return _message(replies.status(self._predictor.library, wanted))

    def _metadata(self, wanted: Wanted) -> web.Response:
        lease = self._predictor.library.lease(wanted)
        try:
            definitions = json_format.MessageToDict(replies.definitions(lease), preserving_proto_field_name=True,
                                                    always_print_fields_with_no_presence=True)
        finally:
            lease.give_back()
        return web.json_response({"model_spec": {"name": lease.model, "signature_name": "",
                                                 "version": str(lease.number)},
                                  "metadata": {"signature_def": definitions}})

    async def _predict(self, request: web.Request, wanted: Wanted, verb: str) -> web.Response:
        if verb != "predict":
            if verb in ("classify", "regress"):
                raise Refusal(Code.UNIMPLEMENTED, f"this server does not know ':{verb}'; use ':predict'")
            raise _malformed(request)
        body = await body_of(request, self._predictor.limits)

        def work(lease: Lease) -> bytes:
            signature, arrays, rows = read_request(body, lease.servable.signature)
            return write_answer(self._predictor.run(signature, arrays), rows)

        answer = await self._predictor.answer(wanted, "REST", work)
        return web.Response(body=answer, content_type="application/json")


def _malformed(request: web.Request) -> Refusal:
    return invalid(f"{request.method} {request.path[:200]} is no request of this interface; expected "
                   "GET /v1/models/NAME[/versions/N|/labels/L][/metadata] or POST /v1/models/NAME[...]:predict")


def _message(message) -> web.Response:
    text = json_format.MessageToDict(message, preserving_proto_field_name=True,
                                     always_print_fields_with_no_presence=True)
    return web.Response(text=json.dumps(text, indent=1), content_type="application/json")
