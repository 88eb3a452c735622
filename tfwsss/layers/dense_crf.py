"""The fully connected CRF that sharpens class probabilities along the edges of an image; the only one here."""

import keras
import numpy as np

from tfwsss.errors import UserError
from tfwsss.ops import mean_field

VERSION = 1
"""Raised whenever the marginals change, so that finished runs are known to be stale."""


FEW = 32
"""Up to how many classes a product with ones sums them faster than a reduction does."""


@keras.saving.register_keras_serializable(package="tfwsss")
class DenseCRF(keras.layers.Layer):
    """Draws every pixel's class to those of all pixels that lie near it or look like it.

    Mean field with two Gaussian kernels, of position and of position and colour, each
    normalised symmetrically, on the permutohedral lattice: what pydensecrf computes.

        Q = softmax(-unary + sum_k weight_k D_k K_k D_k Q),    D_k = diag(K_k 1)^(-1/2)

    Time and memory grow linearly with pixels and classes; computed in float32. No gradient passes through.

    Args:
        iterations: int. Updates of all pixels at once; 0 gives softmax(-unary).
        gaussian_deviation: float, pixels. Standard deviation of the kernel of position.
        gaussian_weight: float. Its Potts weight ("compat"); 0 leaves the kernel out.
        position_deviation: float, pixels. The bilateral kernel's standard deviation in position.
        colour_deviation: float, grey levels of 0-255. The same in each of red, green, blue.
        bilateral_weight: float. Its Potts weight; 0 leaves the kernel out.

    Inputs:
        unary: float, `(batch, row, column, class)`, -log probability, up to a constant a pixel.
        image: uint8 or float 0-255, `(batch, row, column, 3)`, not normalised.
        present: optional bool, `(batch, class)`. Absent classes are left out of the model, as if
            they were not in `unary`, and get 0; None keeps all (what the published methods do).

    Returns:
        Marginals, float32 `(batch, row, column, class)`, 0-1; each pixel's sum to 1. Permuting
        the classes permutes the result.

    Raises:
        UserError: for a deviation below 0.01, a negative or infinite weight, a bad iteration count; for arrays that
            do not fit each other, NaN, or an image in which no class is present. What a graph learns only when it
            runs is the backend's own error.

    Example:
    >>> unary = keras.ops.convert_to_tensor([[[[0.0, 1.0], [0.9, 1.0], [1.0, 0.9]]]])
    >>> image = keras.ops.convert_to_tensor([[[[9, 9, 9], [9, 9, 9], [250, 0, 0]]]])
    >>> keras.ops.argmax(DenseCRF()(unary, image), axis=-1).numpy().tolist()
    [[[0, 0, 0]]]

    Reference: Kraehenbuehl and Koltun, Efficient inference in fully connected CRFs, NIPS 2011.
    """

    def __init__(
        self,
        iterations: int = 10,
        gaussian_deviation: float = 3.0,
        gaussian_weight: float = 3.0,
        position_deviation: float = 80.0,
        colour_deviation: float = 13.0,
        bilateral_weight: float = 10.0,
        **kwargs,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.settings = _checked(
            iterations, gaussian_deviation, gaussian_weight, position_deviation, colour_deviation, bilateral_weight
        )

    def call(self, unary, image, present=None):
        """Returns the marginals; see the class."""
        _check_shapes(*(None if array is None else tuple(array.shape) for array in (unary, image, present)))
        # sparse products inside a compiled function have no gradient, so none is asked for
        unary, image = (keras.ops.stop_gradient(keras.ops.cast(array, "float32")) for array in (unary, image))
        present = None if present is None else keras.ops.cast(present, "bool")
        arrays = [array for array in mean_field.checked(unary, image, present) if array is not None]
        few = (unary.shape[-1] or FEW + 1) <= FEW
        # aligned classes: the layer may be served, where the fast kernel of products is off
        marginals = mean_field.compiled(self.settings, few, True, present is not None)(*arrays)
        return keras.ops.reshape(marginals, keras.ops.shape(unary))

    def compute_output_shape(self, unary_shape, image_shape=None, present_shape=None):
        """Returns the shape of `unary`."""
        return tuple(unary_shape)

    def get_config(self):
        """Returns the parameters and the version of the arithmetic."""
        return {**super().get_config(), **self.settings._asdict(), "version": VERSION}

    @classmethod
    def from_config(cls, config: dict):
        """Builds the layer; the recorded version is information, the arithmetic is always the present one."""
        return cls(**{key: value for key, value in config.items() if key != "version"})


def _checked(*values) -> mean_field.Settings:
    settings = mean_field.Settings(*values)
    for name, value in settings._asdict().items():
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise UserError(f"dense CRF: {name} is {value!r}; expected a number")
        if name == "iterations" and (value != int(value) or value < 0):
            raise UserError(f"dense CRF: iterations is {value!r}; expected a whole number of 0 or more")
        if name.endswith("deviation") and not 0.01 <= value < float("inf"):
            raise UserError(f"dense CRF: {name} is {value!r}; expected at least 0.01 (the lattice cannot resolve less)")
        if name.endswith("weight") and not 0 <= value < float("inf"):
            raise UserError(f"dense CRF: {name} is {value!r}; expected 0 or more; 0 leaves the kernel out")
    return mean_field.Settings(int(settings.iterations), *map(float, settings[1:]))


def dense_crf(
    unary: np.ndarray,
    image: np.ndarray,
    present: np.ndarray | None = None,
    implementation: str = "lattice",
    **parameters,
) -> np.ndarray:
    """Returns the CRF's marginals of one image or of a batch, arrays to array; see `DenseCRF`.

    Compiled once for all image sizes; a batch shares work and uses all cores best.

    Args:
        unary: float, `(row, column, class)` or `(batch, row, column, class)`, -log probability.
        image: uint8 or float 0-255, `(row, column, 3)` or `(batch, row, column, 3)`.
        present: optional bool, `(class,)`; absent classes are left out and get 0.
        implementation: `"lattice"`, or `"pydensecrf"`: the original program, from the extra `tfwsss[crf]`.
        **parameters: those of `DenseCRF`.

    Returns:
        float32, shape of `unary`; each pixel's marginals sum to 1.

    Raises:
        UserError: for arrays that do not fit each other, a bad parameter, an unknown implementation
            or one that is not installed.

    Example:
    >>> marginals = dense_crf(np.zeros((4, 5, 3)), np.zeros((4, 5, 3), np.uint8), iterations=2)
    >>> marginals.shape, round(float(marginals[0, 0, 0]), 4)
    ((4, 5, 3), 0.3333)

    Reference: Kraehenbuehl and Koltun, Efficient inference in fully connected CRFs, NIPS 2011.
    """
    names = mean_field.Settings._fields
    if unknown := set(parameters) - set(names):
        raise UserError(f"dense CRF: unknown parameter {min(unknown)!r}; expected {', '.join(names)}")
    settings = _checked(*mean_field.Settings(**parameters))
    work = {"lattice": _by_lattice, "pydensecrf": _by_pydensecrf}.get(implementation)
    if work is None:
        raise UserError(f"dense CRF: implementation is {implementation!r}; expected 'lattice' or 'pydensecrf'")
    unary, image = np.asarray(unary, np.float32), np.asarray(image)
    present = np.ones(unary.shape[-1:], bool) if present is None else np.asarray(present, bool)
    _check_arrays(unary, image, present)
    if present.all():
        return work(unary, image, settings)
    marginals = np.zeros_like(unary)
    marginals[..., present] = work(unary[..., present], image, settings)
    return marginals


def _check_shapes(unary, image, present):
    """Refuses shapes that do not fit as far as they are known."""
    wanted = (*unary[:-1], 3)
    if len(unary) != 4 or len(image) != 4 or 0 in unary or not all(map(_may_be, image, wanted)):
        raise UserError(f"dense CRF: unary {unary} and image {image} do not fit; expected (batch, row, column, class) "
                        "and (batch, row, column, 3)")
    wanted = (unary[0], unary[-1])
    if present is not None and (len(present) != 2 or not all(map(_may_be, present, wanted))):
        raise UserError(f"dense CRF: present has shape {present}; expected (batch, class), {wanted}")


def _may_be(one, other) -> bool:
    return None in (one, other) or one == other


def _check_arrays(unary, image, present):
    if unary.ndim not in (3, 4) or image.shape != (*unary.shape[:-1], 3) or not unary.size:
        raise UserError(
            f"dense CRF: unary {unary.shape} and image {image.shape} do not fit; expected (row, column, class) "
            "and (row, column, 3), or both with a batch axis before"
        )
    if present.shape != unary.shape[-1:] or not present.any():
        raise UserError(
            f"dense CRF: present has shape {present.shape} and {present.sum()} classes; "
            f"expected one or more of {unary.shape[-1]}"
        )
    if np.isnan(unary).any():
        raise UserError(mean_field.NO_COSTS)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise UserError(mean_field.NO_COLOURS)


def _by_lattice(unary, image, settings):
    few = unary.shape[-1] <= FEW
    work = mean_field.compiled_for_one(settings, few) if unary.ndim == 3 else mean_field.compiled(settings, few, False)
    return work(unary, np.float32(image)).numpy()


def _by_pydensecrf(unary, image, settings):
    try:
        from pydensecrf.densecrf import DenseCRF2D
    except ImportError as error:
        raise UserError("dense CRF: implementation 'pydensecrf' is not installed; pip install 'tfwsss[crf]', "
                        "or use 'lattice'") from error
    if unary.ndim == 4:
        return np.stack([_by_pydensecrf(*one, settings) for one in zip(unary, image, strict=True)])
    rows, columns, classes = unary.shape
    crf = DenseCRF2D(columns, rows, classes)
    crf.setUnaryEnergy(np.ascontiguousarray(unary.reshape(-1, classes).T))
    crf.addPairwiseGaussian(sxy=settings.gaussian_deviation, compat=settings.gaussian_weight)
    crf.addPairwiseBilateral(
        sxy=settings.position_deviation, srgb=settings.colour_deviation, compat=settings.bilateral_weight,
        rgbim=np.ascontiguousarray(np.rint(image), np.uint8),
    )
    return np.asarray(crf.inference(settings.iterations)).T.reshape(unary.shape)


def unary_from_labels(mask: np.ndarray, num_labels: int, certainty: float = 0.5, ignore: int = 255) -> np.ndarray:
    """Returns -log probability of a mask that is believed with some certainty; uniform where it is ignored.

        p(label) = certainty, p(other) = certainty / num_labels, then normalised

    Args:
        mask: integers, `(row, column)`, 0 to num_labels - 1 or `ignore`.
        num_labels: int. Labels, background included.
        certainty: float. Mass of the label before normalisation; the rest as ICD's published code shares it.
        ignore: int. Value of pixels of which nothing is known.

    Returns:
        float32 `(row, column, num_labels)`.

    Example:
    >>> unary_from_labels(np.array([[0, 255]]), 21)[0, :, :2].astype(float).round(4).tolist()
    [[0.669, 3.7136], [3.0445, 3.0445]]

    Reference: the seeds of Fan et al., ICD, CVPR 2020.
    """
    mask = np.asarray(mask)
    bad = (mask != ignore) & ((mask < 0) | (mask >= num_labels))
    if bad.any():
        raise UserError(f"mask holds label {mask[bad].flat[0]}; expected 0 to {num_labels - 1}, or {ignore} (unknown)")
    chosen = mask[..., None] == np.arange(num_labels)
    probability = np.where(chosen, certainty, (1 - certainty) / num_labels)
    probability /= probability.sum(axis=-1, keepdims=True)
    probability[mask == ignore] = 1 / num_labels
    return -np.log(probability).astype(np.float32)
