"""What `train.py` measures: images on disk, and what a train stage hands to `fit` for each method and backbone."""

from pathlib import Path

import cv2
import keras
import numpy as np

from tfwsss import methods
from tfwsss.artefacts.files import path_of
from tfwsss.artefacts.marginals import write_marginals
from tfwsss.artefacts.masks import write_mask
from tfwsss.artefacts.regions import write_regions
from tfwsss.data.demo import draw_demo
from tfwsss.data.folder import read_folder
from tfwsss.data.sources import Splits
from tfwsss.refine.superpixels import superpixels
from tfwsss.runs.stage import Context
from tfwsss.settings import reading

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
METHODS = {"icd": ("icd", "icd"), "classifier": ("affinitynet", "classifier"), "affinity": ("affinitynet", "affinity"),
           "segmenter": ("retrain", "segmenter"), "cian": ("cian", "segmenter")}
"""Row to its method and the train stage."""

OUTPUTS = {"icd": ("cam", "scores"), "classifier": ("logits",), "affinity": ("embedding",), "segmenter": ("logits",),
           "cian": ("logits", "cross_logits")}
"""Row to the outputs of the bare network: backbone and head, without what only the losses need."""

VGG = {"backbone": {"name": "vgg16", "initial": None}, "crop": 321}
LONG = 10_000                                                   # epochs, so that no measurement reaches the end


class Handed(Exception):
    """Carries what a train stage hands to `fit`."""


def folder_of_images(data, count, root):
    """Returns images with masks: of a folder, or the built-in ones, drawn into another and enlarged to 320 pixels."""
    if data is None:
        draw_demo(root, count)
        for path in (root / "images").iterdir():
            cv2.imwrite(str(path), _enlarged(cv2.imread(str(path)), cv2.INTER_CUBIC), [cv2.IMWRITE_JPEG_QUALITY, 90])
        images = read_folder(root)
        for name in images.names:
            write_mask(root / "masks", name, _enlarged(images.read_mask(name), cv2.INTER_NEAREST), images.palette)
    else:
        images = read_folder(Path(data))
    return images.subset([name for name in images.names if name in images.masks][:count])


def _enlarged(image, method):
    factor = 320 / max(image.shape[:2])
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=method)


def artefacts_of(images, root):
    """Writes superpixels, masks and marginals, as stages before the training leave them; returns their folders."""
    settings = methods.get("icd").config(method="icd").superpixels
    for name in images.names:
        mask, ids = images.read_mask(name), np.array([0, *(label + 1 for label in images.labels[name])])
        write_regions(root / "regions", name, superpixels(images.read_image(name), **settings.model_dump()))
        write_mask(root / "masks", name, mask, images.palette)
        sure = np.where(mask == ids[:, None, None], 0.9, 0.1 / len(ids))                    # (plane, row, column)
        write_marginals(root / "marginals", name, np.stack([sure, sure]))
    return {kind: root / kind for kind in ("regions", "masks", "marginals")}


def settings_of(row, backbone, batch):
    """Returns a method's settings: those of configs/*_animals.yaml, or the published ones with VGG-16."""
    method, section = METHODS[row]
    values = {"method": method}
    if backbone == "mobilenet_v2":
        values = reading.read_yaml(CONFIGS / f"{method}_animals.yaml")
        changes = {"backbone": {"initial": None}, "epochs": LONG}
    else:
        changes = {**VGG, "epochs": LONG}
    changes |= {"batch_size": batch} if batch else {}
    return reading.build(methods.get(method).config, reading.merge(values, {section: changes}), "benchmark")


def handed_to_fit(row, settings, images, folders, root):
    """Runs a train stage up to `fit`.

    Returns:
        Compiled model, batches, and the arguments of `fit`.
    """
    method, section = METHODS[row]
    listed = methods.get(method).stages(settings, Splits(images, images))
    stage = next(stage for stage in listed if stage.name == section)
    inputs = {name: folders.get(name, folders["masks"]) for name in stage.needs}

    def catch(model, dataset, **arguments):
        raise Handed(model, dataset, arguments)

    fit, keras.Model.fit = keras.Model.fit, catch
    try:
        stage.work(Context.of(settings), inputs, root / row / section)
    except Handed as handed:
        return handed.args
    finally:
        keras.Model.fit = fit
    raise RuntimeError(f"{row}: the train stage did not call fit")


def bare_network(row, model):
    """Returns backbone and head as one network."""
    return keras.Model(model.input["image"], {key: model.output[key] for key in OUTPUTS[row]})


def files(images, folders, kinds):
    """Returns paths of the images and of what is read with them."""
    own = {"image": [str(images.images[name]) for name in images.names]}
    for kind in kinds:
        own[kind] = [str(path_of(folders[kind], kind, name)) for name in images.names]
    return {key: np.array(paths) for key, paths in own.items()}
