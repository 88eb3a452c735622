"""From class maps to masks by learned affinities: confident labels, a network, a random walk (AffinityNet)."""

from collections.abc import Collection

from tfwsss.data.sources import Splits
from tfwsss.runs.stage import Stage
from tfwsss.steps.affinity import AffinitySettings, affinity_stage
from tfwsss.steps.confident_labels import KeptMaps, LabelSettings, label_stage, sure_stage
from tfwsss.steps.random_walk import WalkSettings, walk_stage


def affinity_walk_stages(splits: Splits, maps: KeptMaps, labels: LabelSettings, affinity: AffinitySettings,
                         walk: WalkSettings, given: Collection[str] = ()) -> list[Stage]:
    """Makes the stages from class maps to the masks of a random walk.

    Args:
        splits: what to train on, and what to make masks of.
        maps: the class maps of both, and their masks.
        labels: what the affinity network learns from.
        affinity: network and training.
        walk: from class maps and affinities to masks.
        given: names of stages for which a folder stands.

    Returns:
        `marginals`, `labels`, `affinity` and `walk`. Where `labels` are given, as masks, the affinity network learns
        from those and no marginals are made.
    """
    images, pseudo, _ = splits
    learnt = "labels" if "labels" in given else "marginals"
    marginals = label_stage("marginals", images, labels, maps, "marginals")
    return [
        *([marginals] if learnt == "marginals" else []),
        sure_stage("labels", images, labels, "marginals"),
        affinity_stage("affinity", images, affinity, learnt),
        walk_stage("walk", pseudo, walk, maps),
    ]
