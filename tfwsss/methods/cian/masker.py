"""The class maps beside which CIAN is judged; its own masks are those of the last round's network."""

from pathlib import Path

from tfwsss.methods.cian.config import Config
from tfwsss.steps.class_maps import ClassMapNetwork
from tfwsss.steps.classifier import load_class_maps


def class_maps(config: Config, run: Path) -> ClassMapNetwork:
    """Loads the plain class maps of a run; there are none where seeds are given.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        Network of raw class maps and of those that give logits.
    """
    return load_class_maps(config.given.get("classifier", run / "classifier"))
