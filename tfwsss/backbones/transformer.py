"""The block of which CLIP's both towers and DINOv2 are made, layer by layer."""

from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import layers

from tfwsss.layers.attention import Attention, LayerScale

Layers = Callable[[str], keras.layers.Layer]
"""Role of a layer in a block, such as "query", to the layer."""


class BlockForm(NamedTuple):
    """What blocks of different transformers differ in.

    Args:
        width: channels of a token; a multiple of `heads`.
        heads: of the attention.
        gelu: whether the activation is the exact GELU; else CLIP's, x sigmoid(1.702 x).
        epsilon: of the layer normalisations.
        layer_scale: whether both branches are scaled channel by channel.
        causal: whether a token sees only those before it.
    """

    width: int
    heads: int
    gelu: bool = False
    epsilon: float = 1e-5
    layer_scale: bool = False
    causal: bool = False


def block_layers(form: BlockForm, prefix: str) -> Layers:
    """Makes the layers of one block.

    Args:
        form: of the block.
        prefix: of their names, such as "block0_".

    Returns:
        Role to layer: norm1, query, key, value, attention, out, scale1, norm2, hidden, narrow, scale2.

    Example:

    >>> block_layers(BlockForm(8, 2), "block0_")("query").name
    'block0_query'
    """
    width = form.width
    made = [layers.LayerNormalization(epsilon=form.epsilon, name=f"{prefix}norm1"),
            *(layers.Dense(width, name=f"{prefix}{role}") for role in ("query", "key", "value", "out")),
            Attention(form.heads, form.causal, name=f"{prefix}attention"),
            layers.LayerNormalization(epsilon=form.epsilon, name=f"{prefix}norm2"),
            layers.Dense(4 * width, name=f"{prefix}hidden"), layers.Dense(width, name=f"{prefix}narrow"),
            *((LayerScale(1e-5, name=f"{prefix}scale{number}") for number in (1, 2)) if form.layer_scale else ())]
    by_role = {layer.name.removeprefix(prefix): layer for layer in made}
    return by_role.__getitem__


def run_block(layer: Layers, form: BlockForm, tokens, normalised=None, prefix: str = ""):
    """Runs one block.

        y = LN1(z),   z' = z + s1 Wo attention(Wq y, Wk y, Wv y),   output = z' + s2 W2 act(W1 LN2(z'))

    Args:
        layer: of `block_layers`, or of a model that has them.
        form: of the block.
        tokens: z, `(batch, token, channel)`.
        normalised: y, where it is more than LN1(z); None: it is.
        prefix: of the names of layers that hold no weights.

    Returns:
        `(batch, token, channel)`, and the mean of the heads' attention `(batch, token, token)`.
    """
    y = layer("norm1")(tokens) if normalised is None else normalised
    mixed, attention = layer("attention")(layer("query")(y), layer("key")(y), layer("value")(y))
    branch = layer("out")(mixed)
    tokens = layers.Add(name=f"{prefix}sum1")([tokens, layer("scale1")(branch) if form.layer_scale else branch])
    branch = layer("narrow")(_active(layer("hidden")(layer("norm2")(tokens)), form.gelu, prefix))
    branch = layer("scale2")(branch) if form.layer_scale else branch
    return layers.Add(name=f"{prefix}sum2")([tokens, branch]), attention


def _active(x, gelu: bool, prefix: str):
    if gelu:
        return layers.Activation("gelu", name=f"{prefix}gelu")(x)
    gate = layers.Activation("sigmoid", name=f"{prefix}gate")(layers.Rescaling(1.702, name=f"{prefix}steeper")(x))
    return layers.Multiply(name=f"{prefix}gelu")([x, gate])
