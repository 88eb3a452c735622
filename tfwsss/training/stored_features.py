"""Features of a frozen network, computed once and kept on disk: heads then train without it, in seconds."""

import functools
import hashlib
import json
import math
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfwsss import logs
from tfwsss.artefacts.files import aside, write_atomically
from tfwsss.artefacts.identity import fingerprint, identity
from tfwsss.batches.augment import Augmentation
from tfwsss.batches.streams import reader
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.models.on_backbone import OnBackbone
from tfwsss.models.segmenter import output_stride
from tfwsss.training.fitting import HeadFitSettings

_BATCH = 8


def trunk_of(settings: HeadFitSettings, backbone: keras.Model, images: ImageSet, how: Augmentation) -> keras.Model:
    """Returns what heads are built on: the backbone, or what stands for it where its features are kept.

    Args:
        settings: of the fit; where they name a folder, features that are not there yet are computed.
        backbone: frozen where features are kept.
        images: the training images.
        how: they are brought to size.

    Returns:
        keras.Model of "features" and "classifier"; where features are kept, its input is those, not an image.

    Raises:
        UserError: a backbone whose two outputs differ, a folder that cannot be written, or another back end than
            TensorFlow.
    """
    if settings.stored is None:
        return backbone
    if keras.backend.backend() != "tensorflow":
        raise UserError(f"{settings.stored}: features are computed by TensorFlow; unset KERAS_BACKEND, or leave "
                        "'stored' out")
    maps = backbone.output["features"]
    if backbone.output["classifier"] is not maps:
        raise UserError(f"{settings.stored}: features are kept of clip_b16, dinov2_small and dinov2_base alone, not of "
                        f"{backbone.name}, whose heads read two maps; leave 'stored' out")
    _keep(settings, backbone, images, how)
    kept = keras.Input(maps.shape[1:], name="image")
    same = keras.layers.Activation("linear", name="features")(kept)
    trunk = keras.Model(kept, {"features": same, "classifier": same}, name=backbone.name)
    trunk.stride = output_stride(backbone)
    return trunk


def joined(settings: HeadFitSettings, model: OnBackbone, backbone: keras.Model) -> OnBackbone:
    """Lets a model that was built on kept features be kept with its backbone.

    Args:
        settings: of the fit.
        model: built on `trunk_of`.
        backbone: that made the features.

    Returns:
        The model; see `models.on_backbone.OnBackbone.whole`.
    """
    if settings.stored is not None:
        model.join = functools.partial(model.on, backbone)
    return model


def kept_features(settings: HeadFitSettings, images: ImageSet, how: Augmentation) -> np.ndarray | None:
    """Returns the kept features of the training images, or None where they are seen by the network.

    Args:
        settings: of the fit.
        images: the training images.
        how: they are brought to size.

    Returns:
        float32 `(image, row, column, channel)`, mapped and not read, in the order of the images' names.
    """
    return None if settings.stored is None else np.load(_path(settings, images, how), mmap_mode="r")


def _path(settings: HeadFitSettings, images: ImageSet, how: Augmentation) -> Path:
    """Returns the file of the features; photographs enter by their contents, which may change under the same names."""
    facts = {"backbone": settings.backbone.facts(), "how": how._asdict(),
             "images": [identity(images.images[name])["sha256"] for name in images.names]}
    return settings.stored / f"{settings.backbone.name}-{settings.crop}-{fingerprint(facts)[:16]}.npy"


def _keep(settings: HeadFitSettings, backbone: keras.Model, images: ImageSet, how: Augmentation) -> None:
    """Computes the features unless they lie there, made by the same weights."""
    path, weights = _path(settings, images, how), _hash(backbone)
    if path.is_file() and _made_by(path) == weights:
        logs.LOG.info("features of %d images are kept in %s", len(images.names), path)
        return
    shape = (len(images.names), *backbone.compute_output_shape((1, settings.crop, settings.crop, 3))["features"][1:])
    logs.LOG.info("features of %d images: computed once, and kept in %s (%.1f MiB)", len(images.names), path,
                  math.prod(shape) * 4 / 2**20)
    element = reader(images, how, seed=0)
    data = tf.data.Dataset.range(len(images.names)).map(
        lambda index: element(tf.cast(index, tf.int32), 0, 0)[0]["image"], num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True).batch(_BATCH)
    see = tf.function(lambda image: backbone(image, training=False)["features"], autograph=False)
    path.with_suffix(".json").unlink(missing_ok=True)               # it does not speak for what comes now
    with aside(path, ".npy") as file:
        found = np.lib.format.open_memmap(file, "w+", np.float32, shape)
        for place, image in enumerate(logs.track(data, "features", math.ceil(len(images.names) / _BATCH))):
            found[place * _BATCH:place * _BATCH + len(image)] = see(image).numpy()
        found.flush()
    write_atomically(path.with_suffix(".json"), json.dumps({"weights": weights}).encode())


def _made_by(path: Path) -> str | None:
    try:
        return json.loads(path.with_suffix(".json").read_text("utf-8"))["weights"]
    except (OSError, ValueError, KeyError):
        return None


def _hash(backbone: keras.Model) -> str:
    found = hashlib.sha256()
    for weight in backbone.weights:
        found.update(np.ascontiguousarray(weight))
    return found.hexdigest()
