"""From pictures to a transformer's tokens and back: whole patches, the class token, positions, maps."""

import keras
from keras import layers, ops

from tfwsss.ops.resize import resize
from tfwsss.ops.resize_cubic import resize_cubic


@keras.saving.register_keras_serializable(package="tfwsss")
class WholePatches(layers.Layer):
    """Fills pictures up with zeros to a whole number of patches a side.

    Where corners count, patches lie round every `patch`-th pixel, the first round the first: as the positions of
    other backbones do. Then half of the first patch lies outside, and up to half a patch at the end is left out.

        patches = ceil(side / patch)

    Args:
        patch: int, pixels.
        corners: bool. Whether patches lie round pixels; else they lie beside each other from the first pixel on, and
            a picture of whole patches stays as it is.

    Inputs:
        x: float, `(batch, row, column, channel)`, any size.

    Returns:
        float, `(batch, rows, columns, channel)`, sides a multiple of `patch`.

    Example:

    >>> [WholePatches(4, corners)(ops.ones((1, 5, 8, 1)))[0, :, 2, 0].numpy().tolist() for corners in (False, True)]
    [[1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]]
    """

    def __init__(self, patch: int, corners: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.patch, self.corners = patch, corners

    def call(self, x):
        """Returns pictures of whole patches; see the class."""
        before = self.patch // 2 if self.corners else 0
        sides = (before, self.patch)
        _, rows, columns, _ = self.compute_output_shape(ops.shape(x))
        return ops.pad(x, ((0, 0), sides, sides, (0, 0)))[:, :rows, :columns]

    def compute_output_shape(self, input_shape):
        """Returns the shape; sides that are not known stay so."""
        batch, rows, columns, channels = input_shape
        rows, columns = (None if side is None else -(-side // self.patch) * self.patch for side in (rows, columns))
        return batch, rows, columns, channels

    def get_config(self):
        """Returns size and place of the patches."""
        return {**super().get_config(), "patch": self.patch, "corners": self.corners}


@keras.saving.register_keras_serializable(package="tfwsss")
class PatchTokens(layers.Layer):
    """Puts a class token before the patches' features and adds positions, whose table is resized to the picture.

        output = [class + position_0 ; patches + resize(position_1..)]

    The resize counts cells as areas and does not smooth; the table's own size is the identity.

    Args:
        grid: int. Positions along each side of the table.
        cubic: bool. Cubic weights of a = -0.75 (DINOv2), else bilinear ones (CLIP-ES).

    Inputs:
        x: float, `(batch, row, column, channel)`, features of patches.

    Returns:
        float, `(batch, 1 + row column, channel)`, row by row.

    Example:

    >>> PatchTokens(2)(ops.ones((1, 3, 5, 4))).shape
    TensorShape([1, 16, 4])

    Reference: Dosovitskiy et al., ViT, ICLR 2021.
    """

    def __init__(self, grid: int, cubic: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.grid, self.cubic = grid, cubic

    def build(self, input_shape):
        """Makes class token and table."""
        width = input_shape[-1]
        self.class_token = self.add_weight(name="class_token", shape=(width,), initializer="truncated_normal")
        self.positions = self.add_weight(name="positions", shape=(1 + self.grid**2, width),
                                         initializer="truncated_normal")
        self.built = True

    def call(self, x):
        """Returns the tokens; see the class."""
        batch, rows, columns, _ = ops.shape(x)
        width = x.shape[-1]
        table = ops.cast(self.table(rows, columns), x.dtype)
        start = ops.broadcast_to(ops.cast(self.class_token, x.dtype), (batch, 1, width))
        return ops.concatenate([start, ops.reshape(x, (batch, rows * columns, width))], axis=1) + table

    def table(self, rows, columns):
        """Returns the positions of a picture, `(1 + rows columns, channel)`, that of the class token first.

        Args:
            rows: of patches.
            columns: of patches.
        """
        positions = ops.convert_to_tensor(self.positions)
        width = positions.shape[-1]
        square = ops.reshape(positions[1:], (1, self.grid, self.grid, width))
        resized = (resize_cubic if self.cubic else resize)(square, rows, columns)
        return ops.concatenate([positions[:1], ops.reshape(ops.cast(resized, positions.dtype), (-1, width))], axis=0)

    def compute_output_shape(self, input_shape):
        """Returns the shape; a number of tokens that is not known stays so."""
        batch, rows, columns, width = input_shape
        return batch, None if None in (rows, columns) else 1 + rows * columns, width

    def get_config(self):
        """Returns size of the table and how it is resized."""
        return {**super().get_config(), "grid": self.grid, "cubic": self.cubic}


@keras.saving.register_keras_serializable(package="tfwsss")
class TokenMap(layers.Layer):
    """Lays the patches' tokens out as a map again, without the class token.

    Inputs:
        tokens: `(batch, 1 + row column, channel)`.
        like: `(batch, row, column, any)`, says rows and columns.

    Returns:
        `(batch, row, column, channel)`.

    Example:

    >>> TokenMap()(ops.ones((1, 7, 4)), ops.ones((1, 2, 3, 5))).shape
    TensorShape([1, 2, 3, 4])
    """

    def call(self, tokens, like):
        """Returns the map."""
        width = tokens.shape[-1] or ops.shape(tokens)[-1]
        return ops.reshape(tokens[:, 1:], (*ops.shape(like)[:3], width))

    def compute_output_shape(self, tokens_shape, like_shape=None):
        """Returns the shape."""
        return *like_shape[:3], tokens_shape[-1]

    def compute_output_spec(self, tokens, like):
        """Returns what a call gives, without computing it."""
        return keras.KerasTensor(self.compute_output_shape(tokens.shape, like.shape), dtype=self.compute_dtype)
