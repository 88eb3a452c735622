"""Sends photographs to a server of TensorFlow Serving's interface and writes the masks that it gives.

    python export/client.py photos --model icd --out masks                       # REST at 127.0.0.1:8501
    python export/client.py photos --model icd --out masks --grpc 127.0.0.1:8500
    python export/client.py photos --model icd --out masks --rest https://HOST:8443 --user ann:secret
    python export/client.py photos --model icd --out masks --tags 1,0,0          # only the first class may appear

Needs Python 3.11 alone; --grpc needs the package tensorflow-serving-api, and photographs that are neither JPEG nor PNG
need Pillow (HEIC: pillow-heif), which turns them into PNG. What is in OUT already is not asked again, unless the
photograph is newer than its mask. Files that are no photographs are listed.
"""

import argparse
import base64
import concurrent.futures
import http.client
import io
import json
import os
import random
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

KINDS = {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi", ".png"}                 # sent as they are
TURNED = {*".apng .bmp .dib .webp .tif .tiff .gif .avif .avifs .jp2 .j2k .j2c .jpc .jpf .jpx .tga .vda .icb .vst .ppm "
          ".pgm .pbm .pnm .pfm .mpo".split()}
HEIC = {".heic", ".heif", ".hif"}
READ = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "TIFF", "GIF", "AVIF", "JPEG2000", "TGA", "PPM", "MPO", "HEIF")
COLOURS_OF_IDS = b"PLTE" + bytes([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])      # how the palette of a mask begins
LATER = {429, 502, 503, 504}                             # worth another try; every other status is final
LATER_GRPC = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}
Ask = Callable[[bytes, Sequence[float] | None], bytes]   # photograph, tags -> mask


class TryLater(Exception):
    """The server has no time now, or cannot be reached."""


class Refused(Exception):
    """The server does not take this request."""


def rest(address: str, model: str, seconds: float, user: str = "", authority: Path | None = None) -> Ask:
    """Returns what asks by REST, with the standard library alone."""
    url = f"{address.rstrip('/')}/v1/models/{model}:predict"
    headers = {"Content-Type": "application/json"} | ({"Authorization": _basic(user)} if user else {})
    trust = ssl.create_default_context(cafile=authority) if url.startswith("https") else None

    def ask(photo: bytes, tags: Sequence[float] | None) -> bytes:
        inputs = {"image_bytes": [{"b64": base64.b64encode(photo).decode("ascii")}]}
        body = {"inputs": inputs} if tags is None else {"signature_name": "with_tags",
                                                        "inputs": inputs | {"tags": [list(tags)]}}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=seconds, context=trust) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise (TryLater if error.code in LATER else Refused)(f"{error.code}: {_message(error)}") from error
        except (OSError, http.client.HTTPException) as error:
            raise TryLater(f"{address}: {error}") from error
        try:
            return base64.b64decode(answer["outputs"]["mask_bytes"][0]["b64"])
        except (KeyError, IndexError, TypeError) as error:
            raise Refused(f"the answer has no mask_bytes, but {str(answer)[:80]}") from error

    return ask


def _message(error: urllib.error.HTTPError) -> str:
    text = error.read().decode("utf-8", "replace")
    try:
        return json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        return text[:200]


def _basic(user: str) -> str:
    return f"Basic {base64.b64encode(user.encode()).decode('ascii')}"


def over_grpc(address: str, model: str, seconds: float, user: str = "", authority: Path | None = None) -> Ask:
    """Returns what asks by gRPC; with TLS where there is a user or an authority."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    options, metadata = [("grpc.max_receive_message_length", -1)], [("authorization", _basic(user))] if user else None
    known = grpc.ssl_channel_credentials(authority.read_bytes() if authority else None) if user or authority else None
    channel = grpc.secure_channel(address, known, options) if known else grpc.insecure_channel(address, options)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def ask(photo: bytes, tags: Sequence[float] | None) -> bytes:
        request = predict_pb2.PredictRequest(output_filter=["mask_bytes"])
        request.model_spec.name = model
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([photo]))
        if tags is not None:
            request.model_spec.signature_name = "with_tags"
            request.inputs["tags"].CopyFrom(tf.make_tensor_proto([list(tags)], tf.float32))
        try:
            return stub.Predict(request, seconds, metadata).outputs["mask_bytes"].string_val[0]
        except grpc.RpcError as error:
            name = error.code().name
            raise (TryLater if name in LATER_GRPC else Refused)(f"{name}: {error.details()}") from error

    return ask


def with_retries(ask: Ask, retries: int, pause: float = 0.5) -> Ask:
    """Returns the same, asked again after growing pauses while the server has no time."""
    def again(photo: bytes, tags: Sequence[float] | None) -> bytes:
        for turn in range(retries):
            try:
                return ask(photo, tags)
            except TryLater:
                time.sleep(pause * 2**turn * random.uniform(0.5, 1.5))      # so that clients do not come all at once
        return ask(photo, tags)

    return again


def write(path: Path, contents: bytes) -> None:
    """Writes a file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    aside.write_bytes(contents)
    aside.replace(path)


def photographs(source: Path, out: Path) -> tuple[dict[str, Path], list[str]]:
    """Returns the name of each photograph's mask with the photograph, and what else lies there; OUT is not searched."""
    if source.is_file():
        return {f"{source.stem}.png": source}, []
    if source.resolve() == out.resolve():
        raise Refused(f"--out {out}: is where the photographs lie; name another folder")
    masks, others, seen = {}, [], {out.resolve()}
    for here, below, files in ((Path(folder), *rest) for folder, *rest in os.walk(source, followlinks=True)):
        hidden = [name for name in (*below, *files) if name.startswith(".")]
        others += [f"{here / name}: hidden" for name in hidden]
        below[:] = sorted(name for name in below if name not in hidden and not seen_before(here / name, seen))
        for path in sorted(here / name for name in files if name not in hidden):
            if path.suffix.lower() not in KINDS | TURNED | HEIC or not path.is_file():
                others.append(f"{path}: no photograph")
                continue
            name = path.relative_to(source).with_suffix(".png").as_posix()
            if name in masks:
                raise Refused(f"{masks[name]} and {path} would have one mask; rename one of them")
            masks[name] = path
    return dict(sorted(masks.items())), others


def seen_before(folder: Path, seen: set[Path]) -> bool:
    """Says whether a folder was reached before, by whatever links, and notes it."""
    known = folder.resolve() in seen
    seen.add(folder.resolve())
    return known


def sent(path: Path) -> bytes:
    """Returns the bytes to send: the file's own, or those of a PNG where it is neither JPEG nor PNG."""
    photo = path.read_bytes()
    if COLOURS_OF_IDS in photo[:200]:
        raise Refused("is a mask, and no photograph; take it out of the folder")
    if photo.startswith((b"\xff\xd8", b"\x89PNG")) or path.suffix.lower() in KINDS:
        return photo
    try:
        from PIL import Image, ImageOps
        if path.suffix.lower() in HEIC:
            import pillow_heif
            pillow_heif.register_heif_opener()
    except ImportError as error:
        raise Refused(f"needs the package {'pillow' if error.name == 'PIL' else 'pillow-heif'} to be read; install it, "
                      "or save the photograph as JPEG") from error
    Image.init()
    try:
        with Image.open(io.BytesIO(photo), formats=[kind for kind in READ if kind in Image.OPEN]) as image:
            upright = ImageOps.exif_transpose(image).convert("RGBA")
            white = Image.new("RGBA", upright.size, "white")
            Image.alpha_composite(white, upright).convert("RGB").save(buffer := io.BytesIO(), "PNG")
    except Exception as error:                          # Pillow's readers do not agree on one kind
        raise Refused(f"cannot be read ({error}); save it again as JPEG or PNG") from error
    return buffer.getvalue()


def is_old(mask: Path, photo: Path) -> bool:
    """Says whether there is no mask, or the photograph is newer than it."""
    return not mask.exists() or photo.stat().st_mtime_ns > mask.stat().st_mtime_ns


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="a photograph, or a folder of them")
    parser.add_argument("--out", type=Path, required=True, help="where the masks go")
    parser.add_argument("--model", required=True)
    parser.add_argument("--rest", default="http://127.0.0.1:8501", metavar="URL", help="default %(default)s")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="ask by gRPC instead")
    parser.add_argument("--user", default="", metavar="NAME:PASSWORD", help="where a proxy wants a password")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="certificate that vouches for the server, if it is not "
                        "one that this machine knows")
    parser.add_argument("--tags", metavar="0,1,...", help="a number for each class but the background, 1 if it may "
                        "appear; without them the network decides")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="of a request (default %(default)s s)")
    parser.add_argument("--retries", type=int, default=5, help="if the server has no time (default %(default)s)")
    parser.add_argument("--clients", type=int, default=4, help="requests at the same time (default %(default)s)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, 1 if some photographs have no mask, 2 for a mistake on the command line."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    try:
        photos, others = photographs(options.photos, options.out) if options.photos.exists() else ({}, [])
    except Refused as error:
        parser.error(str(error))
    if not photos:
        parser.error(f"{options.photos}: no photograph there; expected {', '.join(sorted(KINDS | TURNED))}")
    try:
        tags = None if options.tags is None else [float(tag) for tag in options.tags.split(",")]
    except ValueError:
        parser.error(f"--tags {options.tags}: expected numbers such as 0,1,0")
    make = (over_grpc, options.grpc) if options.grpc else (rest, options.rest)
    ask = with_retries(make[0](make[1], options.model, options.timeout, options.user, options.ca), options.retries)
    missing = {name: path for name, path in photos.items() if is_old(options.out / name, path)}
    for other in others:
        print(f"left out: {other}", file=sys.stderr)

    def one(name: str) -> str | None:
        try:
            write(options.out / name, ask(sent(missing[name]), tags))
        except (TryLater, Refused, OSError) as error:
            return f"{missing[name]}: {error}"
        return None

    with concurrent.futures.ThreadPoolExecutor(options.clients) as pool:
        faults = [fault for fault in pool.map(one, missing) if fault]
    for fault in faults:
        print(f"fault: {fault}", file=sys.stderr)
    print(json.dumps({"out": str(options.out), "masks": len(photos) - len(faults), "faults": len(faults)}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
