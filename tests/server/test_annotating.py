"""Masks sent to /annotations come back in the forms of tools, and nothing that is sent keeps the server busy."""

import asyncio
import gzip
import json
import struct
import types
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.data.files import encoded
from tests.support.blobs import blobs
from tests.support.patience import PATIENCE
from tfwsss.annotations.brush import decode_brush
from tfwsss.annotations.coco import read_coco
from tfwsss.annotations.drawings import to_mask
from tfwsss.server.library import Library
from tfwsss.server.metrics import Metrics
from tfwsss.server.model_configs import ModelConfig
from tfwsss.server.requests import Limits, Predictor
from tfwsss.server.site import application
from tfwsss.server.workers import Workers

CLASSES = ["background", "cat", "дом", "traffic sign"]
LIMITS = Limits(body=100_000, pixels=100_000, side=2000, seconds=PATIENCE)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Predictor:
    """Over a model of which only the names of its classes are known."""
    folder = tmp_path_factory.mktemp("models") / "farm"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "saved_model.pb").write_bytes(b"")
    library = Library(lambda path: types.SimpleNamespace(labels=CLASSES))
    assert not library.refresh([ModelConfig("farm", folder)])
    return Predictor(library, Workers(1, 4), Metrics(), LIMITS)


def asked(predictor, method: str, path: str, body: bytes | None = None, **headers) -> tuple[int, object]:
    async def ask():
        server = TestServer(application(predictor)[0])
        await server.start_server(auto_decompress=False)               # as tfwsss.server.server starts it
        async with TestClient(server) as client, client.request(method, path, data=body, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if response.content_type == "application/json" else text

    return asyncio.run(ask())


def refused(predictor, body: bytes, query: str = "model=farm", form: str = "coco", **headers) -> tuple[int, str]:
    status, answer = asked(predictor, "POST", f"/annotations/{form}?{query}", body, **headers)
    return status, answer["error"]


def test_coco(predictor):
    """What the project's own reader makes of it is the mask, without what is undecided."""
    mask = blobs(3)
    status, document = asked(predictor, "POST", "/annotations/coco?model=farm&file=%D0%BA%D0%BE%D1%82%201.jpg&image=4"
                             "&first=70", encoded(mask))
    assert status == 200 and [image["id"] for image in document["images"]] == [4]
    assert [found["id"] for found in document["annotations"]] == list(range(70, 70 + len(document["annotations"])))
    assert {found["image_id"] for found in document["annotations"]} == {4}
    drawings = read_coco("answer", document)
    assert drawings.classes == tuple(CLASSES[1:]) and drawings.images[0].files[0] == "кот 1.jpg"
    assert (to_mask("answer", drawings.images[0], CLASSES, mask.shape) == np.where(mask == 255, 0, mask)).all()


def test_label_studio(predictor):
    mask = blobs(4)
    status, (task,) = asked(predictor, "POST", "/annotations/label-studio?model=farm&file=cat 1.jpg", encoded(mask))
    assert status == 200 and task["data"] == {"image": "/data/local-files/?d=cat%201.jpg"}
    results = task["predictions"][0]["result"]
    assert [result["value"]["brushlabels"] for result in results] == [[name] for name in CLASSES[1:]]
    for class_id, result in enumerate(results, 1):
        assert (decode_brush("answer", result["value"]["rle"], *mask.shape) == (mask == class_id)).all()
    status, text = asked(predictor, "GET", "/annotations/label-studio?model=farm")
    assert status == 200
    assert [label.get("value") for label in ElementTree.fromstring(text).iter("Label")] == CLASSES[1:]


def test_a_photograph_without_objects(predictor):
    empty = encoded(np.zeros((3, 4), np.uint8))
    status, document = asked(predictor, "POST", "/annotations/coco?model=farm", gzip.compress(empty),
                             **{"Content-Encoding": "gzip"})
    assert status == 200 and document["annotations"] == []
    assert document["images"] == [{"id": 1, "file_name": "image", "width": 4, "height": 3}]


def header(rows: int, columns: int) -> bytes:
    """A PNG whose pixels are missing, of any size."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


GOOD = encoded(np.array([[0, 1]], np.uint8))


@pytest.mark.parametrize(("body", "query", "status", "message"), [
    (GOOD, "model=dog", 404, "dog"), (GOOD, "", 404, ""), (GOOD, "model=farm&image=0", 400, "expected a whole number"),
    (GOOD, "model=farm&first=" + "9" * 4000, 400, "expected a whole number"),
    (GOOD, "model=farm&image=-1", 400, "whole number"), (GOOD, "model=farm&image=%D9%A1", 400, "whole number"),
    (b"", "model=farm", 400, "PNG of class ids"), (b"no image", "model=farm", 400, "PNG of class ids"),
    (GOOD[:45], "model=farm", 400, "PNG of class ids"), (header(3, 3), "model=farm", 400, "PNG of class ids"),
    (header(1000, 1000), "model=farm", 400, "more than 100,000"), (header(3000, 2), "model=farm", 400, "3,000"),
    (encoded(np.zeros((2, 2, 3), np.uint8)), "model=farm", 400, "mode RGB; expected an indexed or grey PNG"),
    (encoded(np.full((2, 2), 4, np.uint8)), "model=farm", 400, "holds id 4; this model's classes are background"),
    (bytes(LIMITS.body + 1), "model=farm", 413, "larger than 100,000 bytes")],
    ids=["model", "no model", "image 0", "large", "negative", "digit", "empty", "text", "cut", "no pixels", "pixels",
         "side", "colours", "id", "body"])
def test_what_is_refused(predictor, body, query, status, message):
    for form in ("coco", "label-studio"):
        found = refused(predictor, body, query, form)
        assert found[0] == status and message in found[1] and len(found[1]) < 1000


def test_masks_like_noise_are_refused(predictor, monkeypatch):
    """Their documents would be longer than any annotator's, and take as long to write."""
    noise = encoded(np.random.default_rng(0).integers(0, 2, (200, 200)).astype(np.uint8))
    monkeypatch.setattr("tfwsss.server.annotating.MAX_LABELS", 50)
    assert "more than 50 objects" in refused(predictor, noise)[1]
    assert asked(predictor, "POST", "/annotations/label-studio?model=farm", noise)[0] == 200
    monkeypatch.setattr("tfwsss.server.annotating.MAX_BORDERS", 30_000)
    for form in ("coco", "label-studio"):
        assert "neighbours, more than 30,000; smooth it" in refused(predictor, noise, form=form)[1]


def test_other_forms_and_methods(predictor):
    assert refused(predictor, GOOD, form="cvat") == (404, "no form 'cvat'; there is coco, label-studio")
    assert asked(predictor, "GET", "/annotations/coco")[0] == 405
    assert asked(predictor, "GET", "/annotations/label-studio?model=dog")[0] == 404
    assert asked(predictor, "POST", "/annotations/coco?model=farm", GOOD, **{"Content-Encoding": "br"})[0] == 501
