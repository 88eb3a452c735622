"""export/: the client against the local server and against one that has no time, and the container's files."""

import http.server
import json
import os
import re
import runpy
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, features

from tests.support.local_server import photo, server
from tests.support.patience import PATIENCE
from tests.support.sources import ROOT
from tfwsss.artefacts.masks import write_mask
from tfwsss.palette import voc_palette
from tfwsss.server.model_configs import read_config

CLIENT = ROOT / "export" / "client.py"


@pytest.fixture(scope="module")
def started(saved, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    (models / "icd").symlink_to(saved)
    with server(models) as running:
        yield running


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "my photos"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.JPG").write_bytes(photo("JPEG", 20, 30))
    (folder / "deep" / "жук 2.png").write_bytes(photo("PNG", 31, 17))
    (folder / "notes.txt").write_text("no photograph")
    return folder


def client(*arguments) -> tuple[int, dict, str]:
    done = subprocess.run([sys.executable, str(CLIENT), *map(str, arguments), "--model", "icd"], capture_output=True,
                          text=True, timeout=PATIENCE)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.mark.parametrize("by", ["rest", "grpc"])
def test_a_folder(started, photos, tmp_path, by):
    """Masks of the photographs' sizes; what is there is kept; one broken file is told and the others are made."""
    out = tmp_path / "masks"
    where = ("--grpc", started.grpc) if by == "grpc" else ("--rest", f"http://{started.rest}")
    code, answer, _ = client(photos, "--out", out, *where)
    assert code == 0 and answer == {"out": str(out), "masks": 2, "faults": 0}
    sizes = {path.relative_to(out).as_posix(): Image.open(path).size for path in out.rglob("*.png")}
    assert sizes == {"one.png": (30, 20), "deep/жук 2.png": (17, 31)}
    kept = (out / "one.png").stat().st_mtime_ns
    (photos / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    code, answer, err = client(photos, "--out", out, *where, "--tags", "1,0")
    assert code == 1 and answer["masks"] == 2 and answer["faults"] == 1
    assert "torn.jpg: " in err and ("400" in err or "INVALID_ARGUMENT" in err) and "Traceback" not in err
    assert (out / "one.png").stat().st_mtime_ns == kept and len(list(out.rglob("*"))) == 3


def test_every_file_is_sent_or_listed(started, photos, tmp_path):
    """Other kinds as PNG, by Pillow; a HEIC photograph, a mask and torn ones are faults; OUT is never searched."""
    kinds = {".webp": "WEBP", ".tif": "TIFF", ".jp2": "JPEG2000", ".tga": "TGA", ".ppm": "PPM", ".jfif": "JPEG",
             **({".avif": "AVIF"} if features.check("avif") else {})}
    for ending, kind in kinds.items():
        Image.new("RGB", (24, 16), (90, 10, 200)).save(photos / f"a{ending[1:]}{ending}", kind)
    (photos / "torn.webp").write_bytes(b"RIFF")
    (photos / "h.HEIC").write_bytes(b"made up")
    (photos / ".hidden.jpg").write_bytes(b"")
    out, where = photos / "masks", ("--rest", f"http://{started.rest}")
    for _ in range(2):
        code, answer, err = client(photos, "--out", out, *where)
        assert code == 1 and answer == {"out": str(out), "masks": 2 + len(kinds), "faults": 2}
        assert "torn.webp: cannot be read" in err and "h.HEIC: " in err and "notes.txt: no photograph" in err
        assert ".hidden.jpg: hidden" in err and "Traceback" not in err
    assert {path.stem for path in out.iterdir()} == {"one", "deep", *(f"a{ending[1:]}" for ending in kinds)}
    assert Image.open(out / "awebp.png").size == (24, 16)
    write_mask(photos, "stray", np.zeros((4, 4), np.uint8), voc_palette())
    code, _, err = client(photos, "--out", out, *where)
    assert "stray.png: is a mask" in err
    code, _, err = client(photos, "--out", photos, *where)
    assert code == 2 and "is where the photographs lie" in err


def test_a_photograph_newer_than_its_mask_is_asked_again(started, photos, tmp_path):
    where = ("--rest", f"http://{started.rest}")
    assert client(photos, "--out", tmp_path / "masks", *where)[0] == 0
    (photos / "one.JPG").write_bytes(photo("JPEG", 44, 40))
    later = (tmp_path / "masks" / "one.png").stat().st_mtime_ns + 10**9
    os.utime(photos / "one.JPG", ns=(later, later))
    assert client(photos, "--out", tmp_path / "masks", *where)[0] == 0
    assert Image.open(tmp_path / "masks" / "one.png").size == (40, 44)


def test_mistakes(started, photos, tmp_path):
    (tmp_path / "same").mkdir()
    for name in ("a.jpg", "a.png"):
        (tmp_path / "same" / name).touch()
    for arguments, words in (((tmp_path / "none",), "no photograph there"), ((photos, "--tags", "dog"), "--tags dog"),
                             ((tmp_path / "same",), "would have one mask")):
        code, _, err = client(*arguments, "--out", tmp_path / "masks")
        assert code == 2 and words in err
    code, answer, err = client(photos, "--out", tmp_path / "masks", "--rest", "http://127.0.0.1:9", "--retries", 0)
    assert code == 1 and answer["faults"] == 2 and "Connection refused" in err


class Busy(http.server.BaseHTTPRequestHandler):
    """Has no time at first."""

    statuses = [503, 429, 504]

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        status = self.statuses.pop() if self.statuses else 200
        answer = {"outputs": {"mask_bytes": [{"b64": "QQ=="}]}} if status == 200 else {"error": "busy"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_retries():
    parts = runpy.run_path(str(CLIENT))
    with http.server.HTTPServer(("127.0.0.1", 0), Busy) as busy:
        threading.Thread(target=busy.serve_forever, daemon=True).start()
        ask = parts["rest"](f"http://127.0.0.1:{busy.server_port}", "icd", 10)
        with pytest.raises(parts["TryLater"], match="504: busy"):
            ask(b"", None)
        with pytest.raises(parts["TryLater"], match="503: busy"):
            parts["with_retries"](ask, 1, pause=0.01)(b"", None)
        Busy.statuses = [503, 503]
        assert parts["with_retries"](ask, 2, pause=0.01)(b"", None) == b"A"
        busy.shutdown()


def test_only_the_standard_library_by_rest(started, photos, tmp_path):
    done = subprocess.run([sys.executable, "-I", "-S", str(CLIENT), str(photos), "--model", "icd", "--out",
                           str(tmp_path / "masks"), "--rest", f"http://{started.rest}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_of_the_container(tmp_path):
    """The list of models is one that the local server reads too; the files that compose names are there."""
    (tmp_path / "icd").mkdir()
    (config,) = read_config(ROOT / "export" / "models.config", tmp_path)
    assert config.name == "icd" and config.folder == tmp_path / "icd" and config.latest == 1
    compose = yaml.safe_load((ROOT / "export" / "compose.yaml").read_text("utf-8"))
    for service in compose["services"].values():
        mounted = dict(volume.split(":")[:2] for volume in service["volumes"])
        assert all((ROOT / "export" / source).exists() for source in mounted if source != "./models")
        named = [flag.partition("=")[2] for flag in service["command"] if "/config/" in flag]
        assert set(named) <= set(mounted.values()) and mounted["./models"] == "/models"
    batching = (ROOT / "export" / "batching.config").read_text("utf-8")
    largest = re.search(r"max_batch_size \{ value: (\d+) \}", batching)[1]
    assert re.findall(r"allowed_batch_sizes: (\d+)", batching)[-1] == largest       # as TensorFlow Serving wants it
