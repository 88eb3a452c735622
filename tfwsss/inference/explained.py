"""Class maps that tf-keras-vis makes of a classifier: from gradients of its logits, or from masked images."""

import difflib
import functools
import importlib.util
import warnings
from collections.abc import Sequence

import keras
import numpy as np

from tfwsss.errors import UserError
from tfwsss.inference.see import stride_of

LIBRARY = "tf_keras_vis"

VERSION = 1
"""Raised whenever the same settings give other maps."""


def check_library(asked: str) -> None:
    """Refuses maps of a library that is not installed.

    Args:
        asked: the setting that wants it, for the message.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec(LIBRARY) is None:
        raise UserError(f"{asked}: these maps are made by tf-keras-vis, which is not installed; run: "
                        "pip install 'tfwsss[viz]'")


class Explainer:
    """Makes class maps of images of one size by tf-keras-vis.

        gradcam_plus_plus  Chattopadhay et al., WACV 2018: features weighed by means of positive gradients
        layercam           Jiang et al., TIP 2021: features weighed by their own positive gradients
        scorecam           Wang et al., CVPR Workshops 2020: features weighed by what the classifier says of the image
                           under each of them; a pass of the network for each feature

    Each map is divided by its maximum, since the library's have no common scale: those of Grad-CAM++ grow with the
    exponential of the logit. Of a classifier whose logits are means of a linear layer, as ours, gradients are the same
    at all positions of the last features; there Grad-CAM++ and LayerCAM are both the class maps by positive weights
    alone, `max(w_c, 0) . x[p]`.

    Args:
        model: keras.Model. A flat functional classifier: its input "image" to "logits" `(batch, class)`.
        way: one of the above.
        layer: name of the layer whose features are weighed; None: what the last layer with weights reads.
        channels: features that Score-CAM looks at, those that vary most; fewer where there are fewer.

    Attributes:
        stride: pixels between positions of the maps.

    Raises:
        UserError: no such layer, or one whose output is no map.
    """

    def __init__(self, model: keras.Model, way: str, layer: str | None = None, channels: int = 64):
        self._layer = _layer_of(model, layer)
        self._num_features = self._layer.output.shape[-1]
        self._features = keras.Model(model.input["image"], {"features": self._layer.output})
        self.stride = stride_of(self._features)
        network = keras.Model(model.input["image"], model.output["logits"])
        network.predict = functools.partial(network.predict, verbose=0)           # Score-CAM would draw a bar each time
        self._way = _maker(way)(network)
        self._more = {"max_N": min(channels, self._num_features)} if way == "scorecam" else {}

    def __call__(self, images, classes: Sequence[int]) -> np.ndarray:
        """Returns the maps of some classes.

        Args:
            images: float32 `(batch, row, column, 3)`, 0-255.
            classes: numbers of classes, background not counted.

        Returns:
            float32 `(batch, row', column', class)`, 0 to 1.
        """
        images = np.asarray(images, np.float32)
        found = [self._map(images, int(label)) for label in classes]
        grid = self._features.compute_output_shape(images.shape)["features"][:3]
        return np.stack(found, axis=-1) if found else np.zeros((*grid, 0), np.float32)

    def _map(self, images: np.ndarray, label: int) -> np.ndarray:
        from tf_keras_vis.utils.scores import CategoricalScore

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The structure of `inputs`")            # it always gives a list
            found = self._way(CategoricalScore([label] * len(images)), images, penultimate_layer=self._layer,
                              seek_penultimate_conv_layer=False, expand_cam=False, normalize_cam=False, **self._more)
        found = np.nan_to_num(np.asarray(found, np.float64))
        largest = found.max(axis=(1, 2), keepdims=True)
        return (found / np.where(largest > 0, largest, 1.0)).astype(np.float32)


def _maker(way: str):
    """Returns the library's class."""
    if way == "gradcam_plus_plus":
        from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus as Maker
    elif way == "layercam":
        from tf_keras_vis.layercam import Layercam as Maker
    else:
        from tf_keras_vis.scorecam import Scorecam as Maker
    return Maker


def _layer_of(model: keras.Model, name: str | None) -> keras.Layer:
    if name is None:
        return model.get_layer("fc8_dropout")
    layers = {layer.name: layer for layer in model.layers if len(getattr(layer.output, "shape", ())) == 4}
    if name not in layers:
        close = difflib.get_close_matches(name, layers, n=3) or list(layers)[-3:]
        raise UserError(f"cam.layer={name}: the classifier has no such layer with maps; it has, among {len(layers)}, "
                        f"{', '.join(close)}")
    return layers[name]
