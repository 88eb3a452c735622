"""A SavedModel with the signatures, files and refusals of an export, and a rule in place of its networks."""

import io
import os
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.patience import until

CLASSES = ("background", "cat", "dog")
MAX_PIXELS = 10_000


def write_export(folder: Path, max_pixels: int = MAX_PIXELS, bright: int = 128, turns: int = 0) -> Path:
    """Writes `folder/1`: cat where red is `bright` or more, else dog where green is; tags take classes away.

    Each of `turns` takes a model about a millisecond more, for those who want to find it at work.
    """
    import tensorflow as tf

    from tfwsss.palette import voc_palette
    from tfwsss.saved_model.decode import decode
    from tfwsss.saved_model.indexed_png import encode_indexed

    palette, text = voc_palette(), tf.TensorSpec((None,), tf.string, name="image_bytes")

    def ids(image_bytes, tags):
        spent = tf.while_loop(lambda turn, x: turn < turns, lambda turn, x: (turn + 1, tf.matmul(x, x)),
                              (0, tf.zeros([256, 256])))
        with tf.control_dependencies(spent):
            image = tf.cast(decode(tf.identity(image_bytes[0]), max_pixels), tf.int32)
        shown = (image[..., :2] >= bright) & (tags[0] > 0)
        return tf.cast(tf.where(shown[..., 0], 1, tf.where(shown[..., 1], 2, 0)), tf.uint8)

    def plain(image_bytes):
        return {"mask_bytes": encode_indexed(ids(image_bytes, tf.ones([1, 2])), palette)[None]}

    def tagged(image_bytes, tags):
        return {"mask_bytes": encode_indexed(ids(image_bytes, tags), palette)[None]}

    root = tf.Module()
    labels = folder / "labels.txt"
    folder.mkdir(parents=True, exist_ok=True)
    labels.write_text("".join(f"{name}\n" for name in CLASSES), "utf-8")
    root.labels = tf.saved_model.Asset(str(labels))
    tags = tf.TensorSpec((None, 2), tf.float32, name="tags")
    signatures = {"serving_default": tf.function(plain, input_signature=[text], autograph=False),
                  "with_tags": tf.function(tagged, input_signature=[text, tags], autograph=False)}
    tf.saved_model.save(root, str(folder / "1"), signatures=signatures)
    labels.unlink()
    return folder


def expected(pixels: np.ndarray, tags=(1, 1), bright: int = 128) -> np.ndarray:
    """Returns the ids that the rule gives of decoded pixels."""
    return np.where((pixels[..., 0] >= bright) & bool(tags[0]), 1,
                    np.where((pixels[..., 1] >= bright) & bool(tags[1]), 2, 0)).astype(np.uint8)


def draw(folder: Path, names, side: int = 12) -> dict[str, np.ndarray]:
    """Writes photographs, PNG or JPEG by their endings; returns their pixels as Pillow reads them."""
    found = {}
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (side + seed % 3, side, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG" if name.endswith("png") else "JPEG", quality=95)
        path.write_bytes(buffer.getvalue())
        found[name] = np.array(Image.open(io.BytesIO(buffer.getvalue())))
    return found


def until_masks(out: Path, least: int, process: subprocess.Popen) -> None:
    """Waits until a call has made so many masks, or is over."""
    until(lambda: len(list((out / "masks").rglob("*.png"))) >= least or process.poll() is not None)


def ended_all(group: int) -> bool:
    """Says whether no process of a group lives."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def masks_of(out: Path) -> dict[str, np.ndarray]:
    """Returns the masks of a call by name."""
    return {path.relative_to(out / "masks").as_posix().removesuffix(".png"): np.array(Image.open(path))
            for path in (out / "masks").rglob("*.png")}
