"""What the server gives beside TensorFlow Serving's interfaces: web page, list of models, health, figures."""

import base64
import hashlib
import importlib.resources
from collections.abc import Sequence

from aiohttp import web

from tfwsss.server import metrics
from tfwsss.server.annotating import Annotating
from tfwsss.server.cross_origin import cross_origin
from tfwsss.server.library import AVAILABLE, Library, Wanted
from tfwsss.server.refusal import Refusal
from tfwsss.server.requests import Predictor
from tfwsss.server.rest import REST, errors_as_json

_PARTS = {"style": ("page.css",), "script": ("zip.js", "mask.js", "save.js", "page.js")}


def _page() -> tuple[str, str]:
    """Returns the page, and the policy that lets it run its own script alone."""
    folder = importlib.resources.files("tfwsss.server").joinpath("templates")
    page, hashes = folder.joinpath("page.html").read_text("utf-8"), {}
    for tag, files in _PARTS.items():
        part = "\n" + "".join(folder.joinpath(file).read_text("utf-8") for file in files)
        hashes[tag] = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        page = page.replace(f"<{tag}></{tag}>", f"<{tag}>{part}</{tag}>")
    return page, (f"default-src 'none'; script-src 'sha256-{hashes['script']}'; style-src 'sha256-{hashes['style']}'; "
                  "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                  "frame-ancestors 'none'")


class Site:
    """The handlers outside /v1.

    Args:
        predictor: what is measured.
    """

    def __init__(self, predictor: Predictor):
        self._predictor = predictor
        self._page, self._policy = _page()
        self.stopping = False

    async def page(self, request: web.Request) -> web.Response:
        """The page for trying a model; it asks nobody but this server."""
        headers = {"Content-Security-Policy": self._policy, "X-Content-Type-Options": "nosniff"}
        return web.Response(text=self._page, content_type="text/html", headers=headers)

    async def models(self, request: web.Request) -> web.Response:
        """Models that answer, with their signatures' inputs and outputs and the names of their classes."""
        library = self._predictor.library
        return web.json_response([entry for name in library.models() if (entry := _described(library, name))])

    async def health(self, request: web.Request) -> web.Response:
        """200 if each model has a version that answers, 503 otherwise and while the server stops."""
        well = self._predictor.library.ready() and not self.stopping
        text = "ok" if well else "stopping" if self.stopping else "a model has no version that answers"
        return web.json_response({"status": text}, status=200 if well else 503)

    async def figures(self, request: web.Request) -> web.Response:
        """Counts and times for Prometheus."""
        library = self._predictor.library
        available = sum(v.state == AVAILABLE for name in library.models() for v in library.versions(name))
        workers = self._predictor.workers
        gauges = {"tfwsss_requests_running": workers.running, "tfwsss_requests_waiting": workers.waiting,
                  "tfwsss_versions_available": available}
        return web.Response(text=self._predictor.metrics.text(gauges), content_type="text/plain")


def _described(library: Library, name: str) -> dict | None:
    try:
        lease = library.lease(Wanted(name))
    except Refusal:
        return None
    try:
        signatures = {key: {"inputs": sorted(definition.inputs), "outputs": sorted(definition.outputs)}
                      for key, definition in lease.servable.signature_defs.items() if definition.inputs}
        return {"name": name, "version": lease.number, "signatures": signatures, "labels": lease.servable.labels}
    finally:
        lease.give_back()


def application(predictor: Predictor, origins: Sequence[str] = ()) -> tuple[web.Application, Site]:
    """Returns the HTTP application, and the part of it that knows whether the server stops.

    Args:
        predictor: answers the predict requests.
        origins: addresses whose pages may read the answers in a browser.

    Returns:
        Application and site.
    """
    site = Site(predictor)
    app = web.Application(client_max_size=predictor.limits.body, middlewares=[cross_origin(origins), errors_as_json])
    app.router.add_get("/", site.page)
    app.router.add_get("/models", site.models)
    app.router.add_get("/healthz", site.health)
    app.router.add_get(metrics.PATH, site.figures)
    annotating = Annotating(predictor)
    app.router.add_post("/annotations/{form}", annotating.document)
    app.router.add_get("/annotations/label-studio", annotating.interface)
    app.router.add_route("*", "/v1{rest:/.*|}", REST(predictor).handle)
    return app, site
