"""What all models on a backbone share: the backbone as a model again, which part of a batch they read, and saving."""

from collections.abc import Callable, Mapping
from typing import Any

import keras


class OnBackbone(keras.Model):
    """A flat functional model that was built on a backbone's outputs, and can be saved with it.

    Args:
        backbone: keras.Model. Image to "features" and "classifier".
        settings: the constructor's other arguments, as JSON values.
        **network: `inputs`, "image" among them, `outputs` and `name` of the whole model.
    """

    def __init__(self, backbone: keras.Model, settings: Mapping[str, Any], **network):
        super().__init__(**network)
        self._maps = {key: backbone.output[key] for key in ("features", "classifier")}
        self._backbone_name, self._settings = backbone.name, dict(settings)
        self.join: Callable[[], OnBackbone] | None = None

    @property
    def backbone(self) -> keras.Model:
        """The backbone as a model of its own, sharing these weights."""
        return keras.Model(self.input["image"], dict(self._maps), name=self._backbone_name)

    def on(self, backbone: keras.Model) -> "OnBackbone":
        """Returns the same model on another backbone of the same outputs, with all weights of both.

        Args:
            backbone: keras.Model, such as the one that made the features on which this model was trained.
        """
        config = {**self.get_config(), "backbone": keras.saving.serialize_keras_object(backbone)}
        made = type(self).from_config(config)
        values = {weight.path: weight for weight in (*self.weights, *backbone.weights)}
        for weight in made.weights:
            weight.assign(values[weight.path])
        return made

    def whole(self) -> "OnBackbone":
        """Returns the model as it is kept: with its backbone, where it was trained on kept features of that."""
        return self if self.join is None else self.join()

    def call(self, inputs, training=None, mask=None):
        """Reads what the network has inputs for; what else a batch holds is for the loss."""
        return super().call({key: inputs[key] for key in self.input}, training=training, mask=mask)

    def get_config(self):
        """Returns the backbone as it is now, and the settings."""
        return {"backbone": keras.saving.serialize_keras_object(self.backbone), **self._settings, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds the model that `get_config` described."""
        backbone = keras.saving.deserialize_keras_object(config["backbone"], custom_objects=custom_objects)
        return cls(**{**config, "backbone": backbone})
