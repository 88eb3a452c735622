"""How MCIS' network makes masks of any photograph."""

import functools
from pathlib import Path

from tfwsss.artefacts.models import load_model
from tfwsss.backbones.facts import facts_of
from tfwsss.inference.decide.co_attention import decide_by_co_attention
from tfwsss.inference.decide.decision import likely_by_logits
from tfwsss.inference.masker import Masker
from tfwsss.inference.references import reference_set
from tfwsss.methods.mcis.config import Config
from tfwsss.models.mcis import MCIS, class_map_network
from tfwsss.steps.class_maps import ClassMapNetwork
from tfwsss.steps.co_attention_maps import co_attention_networks, read_kept
from tfwsss.steps.proxy_labels import proxy_label_crf, proxy_label_rule
from tfwsss.steps.saliency import saliency_maps


def load_maps(folder: Path) -> ClassMapNetwork:
    """Loads the plain class maps of a trained network, of each image by itself.

    Args:
        folder: of its stage.

    Returns:
        Network of "cam", which are its logits.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    model = load_model(folder, MCIS)
    return ClassMapNetwork(class_map_network(model), facts_of(model.backbone.name).colour, logits="cam")


def class_maps(config: Config, run: Path) -> ClassMapNetwork:
    """Loads the plain class maps of a run, beside which it is judged.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        Network of raw class maps, which are its logits too.
    """
    return load_maps(config.given.get("mcis", run / "mcis"))


def masker(config: Config, run: Path) -> Masker:
    """Returns how a finished run makes its pseudo labels.

    References are those that the stage `maps` has kept, the same for every image,
    where that stage draws them anew for each; saliency is given for no photograph, so
    that the threshold of `labels` stands for it.

    Args:
        config: the run's settings.
        run: folder of the run.
    """
    model = load_model(config.given.get("mcis", run / "mcis"), MCIS)
    networks = co_attention_networks(model, config.maps)
    kept, carried = None, {}
    if config.maps.references:
        features = read_kept(config.given.get("maps", run / "maps"))
        kept = reference_set(features)
        carried = {"references of each class": features.shape[1], "MiB of features": round(features.nbytes / 2**20, 1)}
    rule = functools.partial(decide_by_co_attention, networks.pairs, kept, config.maps.corners_aligned,
                             proxy_label_rule(config.labels, run, saliency_maps(config.data)))
    first, *further = networks.looks
    others = (networks.pairs,) if kept is None else (networks.pairs, kept)
    return Masker(first.network, 1 + first.network.output["cam"].shape[-1], first.view,
                  functools.partial(likely_by_logits, "cam"), rule, proxy_label_crf(config.labels, config.pseudo),
                  others, tuple(further), carried=carried)
