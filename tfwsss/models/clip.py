"""CLIP: a tower for pictures and one for texts, whose embeddings fit where both tell of the same."""

import dataclasses

import keras
from keras import layers, ops

from tfwsss.backbones.transformer import BlockForm, block_layers, run_block
from tfwsss.backbones.vit import FORMS, ViTForm, vit
from tfwsss.layers.scaled_unit import ScaledUnit

CHANNELS = 512
"""Of the published embeddings."""


@dataclasses.dataclass(frozen=True)
class TextForm:
    """What text towers differ in.

    Args:
        block: of all blocks.
        depth: blocks.
        length: tokens of a text, with its marks and its padding.
        tokens: of the vocabulary.
    """

    block: BlockForm = BlockForm(512, 8, causal=True)
    depth: int = 12
    length: int = 77
    tokens: int = 49408

    def narrowed(self, factor: float) -> "TextForm":
        """Returns the form with so many times the channels: a multiple of the heads."""
        heads = self.block.heads
        width = max(1, round(self.block.width * factor / heads)) * heads
        return dataclasses.replace(self, block=self.block._replace(width=width))


def clip(image: ViTForm | None = None, text: TextForm | None = None, channels: int = CHANNELS,
         name: str = "clip") -> keras.Model:
    """Builds CLIP with a vision transformer, flat, so that one file of weights fills it or its image tower alone.

        u = W_i LN(z_class),   t = W_t LN(z_end),   similarity = exp(logit_scale) cos(u, t)

    The layers of the image tower are those of `backbones.vit`, the text tower's begin with "text_".

    Args:
        image: form of the image tower; None: ViT-B/16.
        text: form of the text tower; None: the one that goes with it.
        channels: of both embeddings.
        name: of the model.

    Inputs:
        A dictionary: "image" `(batch, row, column, 3)` RGB, 0 to 255, and "ids" int32 `(text, length)`, see
        `models.byte_pairs`.

    Returns:
        keras.Model whose output is a dictionary: "image" `(batch, channel)` and "text" `(text, channel)`, embeddings,
        not normalised; "similarity" `(batch, text)`.

    Example:

    >>> model = clip(FORMS["clip_b16"].narrowed(1 / 64), TextForm(tokens=9).narrowed(1 / 64), 5)
    >>> found = model({"image": ops.ones((2, 32, 48, 3)), "ids": ops.ones((3, 77), dtype="int32")})
    >>> {key: tuple(value.shape) for key, value in sorted(found.items())}
    {'image': (2, 5), 'similarity': (2, 3), 'text': (3, 5)}

    Reference: Radford et al., CLIP, ICML 2021.
    """
    tower = vit(image or FORMS["clip_b16"], corners=False)
    tokens = tower.get_layer("norm").output
    pictures = layers.Dense(channels, use_bias=False, name="image_projection")(tokens[:, 0])
    ids = keras.Input(((text or TextForm()).length,), dtype="int32", name="ids")
    texts = _text_tower(ids, text or TextForm(), channels)
    unit = ops.normalize(texts, axis=-1)
    fit = ops.matmul(ScaledUnit(name="similarity")(pictures), ops.transpose(unit))
    outputs = {"image": pictures, "text": texts, "similarity": fit}
    return keras.Model({"image": tower.inputs[0], "ids": ids}, outputs, name=name)


def _text_tower(ids, form: TextForm, channels: int):
    """Adds the text tower; a text is what its end mark, the first of the largest ids, has seen."""
    block = form.block
    places = ops.cumsum(ops.ones_like(ids), axis=1) - 1
    x = layers.Add(name="text_sum")([layers.Embedding(form.tokens, block.width, name="text_tokens")(ids),
                                     layers.Embedding(form.length, block.width, name="text_positions")(places)])
    for number in range(form.depth):
        prefix = f"text_block{number}_"
        x, _ = run_block(block_layers(block, prefix), block, x, prefix=prefix)
    x = layers.LayerNormalization(epsilon=block.epsilon, name="text_norm")(x)
    end = ops.one_hot(ops.argmax(ids, axis=-1), form.length, dtype="float32")
    return layers.Dense(channels, use_bias=False, name="text_projection")(ops.einsum("tn,tnc->tc", end, x))


def text_tower(model: keras.Model) -> keras.Model:
    """Takes the text tower from CLIP.

    Args:
        model: of `clip`; shares its weights with the result.

    Returns:
        keras.Model, ids int32 `(text, length)` to embeddings `(text, channel)`, not normalised.
    """
    return keras.Model(model.input["ids"], model.output["text"], name="text_tower")
