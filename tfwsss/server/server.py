"""The server as a whole: models first, then both interfaces, until a signal; then all requests end before it does."""

import asyncio
import dataclasses
import gc
import json
import logging
import os
import signal
import socket
from pathlib import Path

import grpc
from aiohttp import web
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from tfwsss import logs
from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.server.library import Library
from tfwsss.server.memory import keep_small
from tfwsss.server.metrics import Metrics
from tfwsss.server.model_configs import discover, read_config
from tfwsss.server.poller import Poller
from tfwsss.server.requests import Limits, Predictor
from tfwsss.server.rpc import ModelService, PredictionService
from tfwsss.server.servable import Servable
from tfwsss.server.site import application
from tfwsss.server.warm_up import warm_up
from tfwsss.server.workers import Workers

_ANSWER_BYTES = 2**31 - 1        # a model's own answer is not limited


@dataclasses.dataclass(frozen=True)
class Settings:
    """The command line.

    Args:
        models: folder of models.
        config: a models.config, or None to serve all that lies in `models`.
        host: address to listen at.
        rest_port: 0 for a free one.
        grpc_port: 0 for a free one.
        threads: requests that run at the same time.
        queue: requests that may wait.
        poll: seconds between looks for new versions.
        grace: seconds that requests have to end when the server stops.
        limits: what is refused.
        origins: addresses whose pages may read answers in a browser.
    """

    models: Path
    config: Path | None
    host: str
    rest_port: int
    grpc_port: int
    threads: int
    queue: int
    poll: float
    grace: float
    limits: Limits
    origins: tuple[str, ...] = ()


def serve(settings: Settings) -> None:
    """Serves models until SIGTERM or SIGINT, then lets all requests end.

    Args:
        settings: the command line.

    Raises:
        UserError: a port is taken, or there is no model that can be served.
    """
    logs.open_log()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)       # broken requests; our handlers tell faults
    gc.collect()
    gc.freeze()                                    # a look at all that is loaded takes half a second, nobody else works
    try:
        asyncio.run(_serve(settings))
    finally:
        gc.unfreeze()


async def _serve(settings: Settings) -> None:
    library = Library(lambda path: _loaded(path, settings.limits.body))
    workers = Workers(settings.threads, settings.queue)
    predictor = Predictor(library, workers, Metrics(), settings.limits)
    poller = Poller(library, lambda: read_config(settings.config, settings.models) if settings.config
                    else discover(settings.models), settings.poll)
    stop = _signalled()
    listener = _bound(settings.host, settings.rest_port)
    rpc, grpc_port = _rpc(settings, predictor, poller)
    await asyncio.to_thread(poller.start)
    app, site = application(predictor, settings.origins)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=settings.grace, handler_cancellation=True,
                           auto_decompress=False)              # which a small body would keep busy for long
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await rpc.start()
    rest_port = listener.getsockname()[1]
    print(json.dumps({"rest": f"http://{settings.host}:{rest_port}", "grpc": f"{settings.host}:{grpc_port}",
                      "models": library.models()}), flush=True)
    tidying = asyncio.create_task(keep_small(workers))
    await stop.wait()
    tidying.cancel()
    LOG.info("stopping: no new requests; those that run may end within %g s", settings.grace)
    site.stopping = True
    await asyncio.gather(rpc.stop(settings.grace), runner.cleanup(), asyncio.to_thread(poller.stop, settings.grace))
    if not workers.close(seconds=1):
        LOG.error("requests still run after %g s; they are broken off", settings.grace)
        os._exit(1)                                    # a running graph cannot be stopped in another way
    LOG.info("all requests have ended")


def _loaded(path: Path, max_bytes: int) -> Servable:
    servable = Servable(path)
    warmed = warm_up(servable, max_bytes)
    LOG.info("%s: loaded, %d warm-up requests", path, warmed)
    return servable


def _signalled() -> asyncio.Event:
    """Returns an event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def ask(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)
    return stop


def _bound(host: str, port: int) -> socket.socket:
    """Takes the REST port, before any model is loaded."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET,
                                    backlog=512)
    except (OSError, OverflowError) as error:
        raise UserError(f"--rest-port {port} at {host} cannot be used ({error}); name another, or 0 for a free one"
                        ) from error


def _rpc(settings: Settings, predictor: Predictor, poller: Poller) -> tuple[grpc.aio.Server, int]:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", settings.limits.body),
                                      ("grpc.max_send_message_length", _ANSWER_BYTES), ("grpc.so_reuseport", 0)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(predictor), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        ModelService(predictor.library, settings.models, poller.reload), server)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        port = server.add_insecure_port(f"{host}:{settings.grpc_port}")
    except RuntimeError as error:
        port = 0
        LOG.debug("%s", error)
    if not port:
        raise UserError(f"--grpc-port {settings.grpc_port} at {settings.host} cannot be used; it is taken, or the "
                        "address is none of this machine; name another, or 0 for a free one")
    return server, port
