"""Settings of a segmentation network trained on masks that are given."""

from typing import Any, Literal

from tfwsss.steps.rounds import SMALL_SEGMENTER, SegmenterRounds


class Config(SegmenterRounds):
    """Settings of a segmentation network trained on masks that are given (`given.labels`), or on the true ones."""

    method: Literal["retrain"] = "retrain"


DEMO: dict[str, Any] = {"data": {"kind": "demo", "split": "train", "val_split": "val"}, "segmenter": SMALL_SEGMENTER}
"""Small settings for the built-in data set."""
