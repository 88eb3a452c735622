"""CLIP with the words of a data set: what text-driven class maps are made by."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers, ops

from tfwsss.backbones.transformer import run_block
from tfwsss.backbones.vit import ViTForm, attention_means, vit
from tfwsss.layers.patches import TokenMap
from tfwsss.layers.scaled_unit import ScaledUnit


@keras.saving.register_keras_serializable(package="tfwsss")
class ClipMaps(keras.Model):
    """The image tower of CLIP beside the embeddings of some texts, taken apart before its last block.

        g = mean over patches of LN(z),   u = W g,   output = exp(logit_scale) cos(u, text)

    It has no loss: nothing is trained. `trunk` and `last_block` are its parts, for rules that ask how the similarity
    depends on single patches.

    Args:
        form: of the image tower, `ViTForm.get_config()`.
        texts: words of the classes, then those of things that are no class.
        num_classes: how many of the texts are classes.
        channels: of the embeddings.

    Inputs:
        image: `(batch, row, column, 3)` RGB, 0 to 255, whole patches.

    Returns:
        `(batch, text)`, similarities.

    Example:

    >>> from tfwsss.backbones.vit import FORMS
    >>> model = ClipMaps(FORMS["clip_b16"].narrowed(1 / 64).get_config(), ["cat", "dog", "grass"], 2, channels=4)
    >>> model(ops.ones((1, 32, 48, 3))).shape, model.trunk()(ops.ones((1, 32, 48, 3)))["attention"].shape
    (TensorShape([1, 3]), TensorShape([1, 2, 3, 6]))

    Reference: Lin et al., CLIP is also an efficient segmenter (CLIP-ES), CVPR 2023.
    """

    def __init__(self, form: Mapping[str, Any], texts: Sequence[str], num_classes: int, channels: int,
                 name: str = "clip_maps", **kwargs):
        # === Layers ===
        tower = vit(ViTForm.from_config(dict(form)), corners=False)
        self_layers = (layers.Dense(channels, use_bias=False, name="image_projection"), ScaledUnit(name="similarity"),
                       layers.Dense(len(texts), use_bias=False, name="texts"))
        # === Functional model ===
        x = ops.mean(tower.get_layer("norm").output[:, 1:], axis=1)
        for layer in self_layers:
            x = layer(x)
        super().__init__(inputs=tower.inputs[0], outputs=x, name=name, **kwargs)
        # === Config ===
        self.form, self.texts, self.num_classes = ViTForm.from_config(dict(form)), tuple(texts), num_classes
        self.channels = channels

    def get_config(self):
        """Returns the form and the texts."""
        return {"form": self.form.get_config(), "texts": list(self.texts), "num_classes": self.num_classes,
                "channels": self.channels, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds the model that `get_config` described."""
        return cls(**config)

    def trunk(self, averaged: int = 8) -> keras.Model:
        """Returns all blocks but the last.

        Args:
            averaged: last blocks whose attention counts, the last one of all among them.

        Returns:
            keras.Model, image `(batch, row, column, 3)` to a dictionary: "patches" `(batch, row', column', channel)`
            and "class" `(batch, 1, 1, channel)`, the tokens; "attention" `(batch, row', column', patch)`, from each
            patch to all, the sum over those blocks but the last.
        """
        before = self.get_layer(f"block{self.form.depth - 1}_norm1").input
        like = self.get_layer("patches").output
        means = attention_means(self)[max(0, self.form.depth - averaged):-1]
        nothing = 0.0 * ops.einsum("bnc,bmc->bnm", before, before)
        total = sum(means, nothing)
        outputs = {"patches": TokenMap()(before, like), "class": ops.reshape(before[:, :1], (-1, 1, 1,
                                                                                             before.shape[-1])),
                   "attention": TokenMap()(total[:, :, 1:], like)}
        return keras.Model(self.input, outputs, name="trunk")

    def last_block(self) -> keras.Model:
        """Returns the last block and what follows, with a shift of the patches that it reads.

        A derivative by the shift is the sum over all patches of the derivatives by each.

        Returns:
            keras.Model, "tokens" `(batch, 1 + patch, channel)` and "shift" `(batch, channel)` to a dictionary:
            "activations" `(batch, patch, channel)`, the normalised patches before the shift; "similarity" and "shown"
            `(batch, text)`, by the mean of the patches and by the class token, which is CLIP's own way; "attention"
            `(batch, patch, patch)`.
        """
        last, width = self.form.depth - 1, self.form.block.width
        tokens, shift = keras.Input((None, width), name="tokens"), keras.Input((width,), name="shift")
        normalised = self.get_layer(f"block{last}_norm1")(tokens)
        moved = ops.concatenate([normalised[:, :1], normalised[:, 1:] + shift[:, None]], axis=1)
        z, attention = run_block(lambda role: self.get_layer(f"block{last}_{role}"), self.form.block, tokens, moved)
        z = self.get_layer("norm")(z)
        outputs = {"activations": normalised[:, 1:], "similarity": self._compared(ops.mean(z[:, 1:], axis=1)),
                   "shown": self._compared(z[:, 0]), "attention": attention[:, 1:, 1:]}
        return keras.Model({"tokens": tokens, "shift": shift}, outputs, name="last_block")

    def _compared(self, x):
        for name in ("image_projection", "similarity", "texts"):
            x = self.get_layer(name)(x)
        return x
