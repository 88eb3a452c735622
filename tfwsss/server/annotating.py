"""Masks that this server has made, in the forms of annotation tools: what the page's downloads are made of."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from aiohttp import web

from tfwsss.annotations.coco import coco_head, coco_image, coco_objects
from tfwsss.annotations.drawings import MAX_LABELS
from tfwsss.annotations.label_studio import address_of, label_studio_task, labelling_interface
from tfwsss.artefacts.masks import mask_of
from tfwsss.errors import ImageFault
from tfwsss.palette import IGNORE, voc_palette
from tfwsss.server.body import body_of
from tfwsss.server.library import Lease, Wanted
from tfwsss.server.model_configs import MAX_VERSION
from tfwsss.server.refusal import Code, Refusal, invalid
from tfwsss.server.requests import Predictor, refuse_large

MAX_BORDERS = 2_000_000
"""Neighbours in a mask whose ids differ: what is written grows with them, and real masks have far fewer."""

_BODY = "the body"


class _Wish(NamedTuple):
    """What the address asks for: name of the photograph, and the ids of its image and first object in COCO."""

    file: str
    image_id: int
    first_id: int


class Annotating:
    """The handlers of /annotations.

    Args:
        predictor: whose models' classes the masks hold, and whose threads work.
    """

    def __init__(self, predictor: Predictor):
        self._predictor = predictor

    async def document(self, request: web.Request) -> web.Response:
        """A mask as the document of a tool: POST /annotations/FORM?model=NAME&file=PHOTOGRAPH, the PNG as body."""
        form = request.match_info["form"]
        if form not in FORMS:
            raise Refusal(Code.NOT_FOUND, f"no form {form!r}; there is {', '.join(FORMS)}")
        asked = request.query
        wish = _Wish(asked.get("file", "image").encode("utf-8", "replace").decode(), _id(asked, "image"),
                     _id(asked, "first"))
        body = await body_of(request, self._predictor.limits)

        def work(lease: Lease) -> bytes:
            refuse_large(_BODY, body, self._predictor.limits)
            classes = lease.servable.labels
            return orjson.dumps(FORMS[form](_checked(body, classes), classes, wish))

        answer = await self._predictor.answer(Wanted(asked.get("model", "")), "REST", work)
        return web.Response(body=answer, content_type="application/json")

    async def interface(self, request: web.Request) -> web.Response:
        """The labelling interface of Label Studio for a model's classes."""
        lease = self._predictor.library.lease(Wanted(request.query.get("model", "")))
        try:
            text = labelling_interface(lease.servable.labels, voc_palette())
        finally:
            lease.give_back()
        return web.Response(text=text, content_type="application/xml")


def _id(asked: Mapping[str, str], key: str) -> int:
    text = asked.get(key, "1")
    if not (text.isascii() and text.isdigit() and len(text) < len(str(MAX_VERSION)) and int(text)):
        raise invalid(f"{key}={text}; expected a whole number from 1")
    return int(text)


def _checked(body: bytes, classes: Sequence[str]) -> np.ndarray:
    """Reads a mask of which a document of bounded length can be made."""
    try:
        mask = mask_of(_BODY, body)
    except ImageFault as fault:
        raise invalid(str(fault)) from None
    strange = sorted(set(np.unique(mask).tolist()) - {0, IGNORE, *range(len(classes))})
    if strange:
        raise invalid(f"the mask holds id {strange[0]}; this model's classes are {', '.join(classes) or 'unknown'}")
    borders = sum(int(np.count_nonzero(a != b)) for a, b in ((mask[1:], mask[:-1]), (mask[:, 1:], mask[:, :-1])))
    if borders > MAX_BORDERS:
        raise invalid(f"the mask changes its id between {borders:,} neighbours, more than {MAX_BORDERS:,}; smooth it")
    return mask


def _coco(mask: np.ndarray, classes: Sequence[str], wish: _Wish) -> dict[str, Any]:
    found = list(itertools.islice(coco_objects(mask, wish.image_id, wish.first_id), MAX_LABELS + 1))
    if len(found) > MAX_LABELS:
        raise invalid(f"the mask has more than {MAX_LABELS:,} objects; smooth it")
    return {**coco_head(classes), "annotations": found, "images": [coco_image(wish.image_id, wish.file, mask.shape)]}


def _label_studio(mask: np.ndarray, classes: Sequence[str], wish: _Wish) -> list[dict[str, Any]]:
    return [label_studio_task(mask, classes, address_of(wish.file))]


FORMS: Mapping[str, Callable[[np.ndarray, Sequence[str], _Wish], Any]] = {
    "coco": _coco, "label-studio": _label_studio}
"""Form to what it makes of a mask."""
