"""What A2GNN does with its affinity network: build, feed with seeds, watch, and read graphs by it."""

from pathlib import Path
from typing import Any

import keras

from tfwsss.artefacts.models import load_model
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.facts import facts_of
from tfwsss.batches.seed_cells import WHITE, seed_batches
from tfwsss.batches.streams import steps_per_epoch
from tfwsss.data.image_set import ImageSet
from tfwsss.inference.graph_nodes import NodeReader
from tfwsss.methods.a2gnn.config import WindowAffinitySettings
from tfwsss.models.affinity_features import HEADS
from tfwsss.models.window_affinity import WindowAffinityNet, graph_network
from tfwsss.runs.stage import Context, Inputs
from tfwsss.training.fitting import compiled, fit_callbacks, make_optimizer
from tfwsss.training.optimizers import DECAYED


def build(settings: WindowAffinitySettings, context: Context, inputs: Inputs, images: ImageSet) -> WindowAffinityNet:
    """Builds and compiles the network.

    Args:
        settings: of network and training.
        context: not read.
        inputs: not read.
        images: the usable training images.

    Returns:
        Compiled `WindowAffinityNet`; maps of a backbone without normalisations (VGG-16) are normalised, as in
        AffinityNet.
    """
    name = settings.backbone.name
    form = {"form": "affinitynet", "fc6_dilation": 4} if name == "vgg16" else {}
    backbone = build_backbone(**settings.backbone.model_dump(), **form)
    model = WindowAffinityNet(backbone, widths=settings.widths, group_norm=not facts_of(name).normalised,
                              radius=settings.radius, mask_border=settings.mask_border, crf_weight=settings.crf_weight)
    steps = steps_per_epoch(images, settings.batch_size)
    return compiled(model, make_optimizer(settings, model, steps, HEADS, DECAYED))


def batches(settings: WindowAffinitySettings, context: Context, inputs: Inputs, images: ImageSet, first: int) -> Any:
    """Returns the training batches from an epoch on.

    Args:
        settings: of the training.
        context: seed of the run.
        inputs: the seeds.
        images: the usable training images.
        first: epoch to begin with.

    Returns:
        `tf.data` batches of "image", and of "mask" and "inside" on the network's grid.
    """
    return seed_batches(images, inputs["seeds"], settings.backbone.stride, settings.augmentation(WHITE),
                        batch_size=settings.batch_size, seed=context.seed, epochs=settings.epochs, initial_epoch=first,
                        share=context.team.share)


def callbacks(settings: WindowAffinitySettings, context: Context, run: Path, model: WindowAffinityNet,
              images: ImageSet) -> list[keras.callbacks.Callback]:
    """Returns what watches the training.

    Args:
        settings: of the training.
        context: of the run.
        run: the run's folder.
        model: the network.
        images: the usable training images.

    Returns:
        Keras callbacks.
    """
    return fit_callbacks("affinity", context, settings, run, images)


def load_reader(folder: Path, radius: int) -> NodeReader:
    """Loads a trained network as what turns images into graphs.

    Args:
        folder: of its stage.
        radius: of the window whose positions the graph joins; none of the weights depends on it.

    Returns:
        Reader of nodes, which fills images up to whole cells with the network's colour.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    model = load_model(folder, WindowAffinityNet)
    return NodeReader(graph_network(model, radius), facts_of(model.backbone.name).colour)
