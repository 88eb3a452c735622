"""How CLIP and the words of a run make masks of any photograph."""

import functools
from pathlib import Path

from tfwsss.inference.decide.clip import decide_by_words, words_shown
from tfwsss.inference.masker import Masker
from tfwsss.methods.clip_es.config import Config
from tfwsss.steps.scored_crf import confident_crf
from tfwsss.steps.word_maps import word_network
from tfwsss.steps.words import load_clip


def masker(config: Config, run: Path) -> Masker:
    """Returns how a run makes its pseudo labels; without tags those classes count whose words fit an image.

    Args:
        config: the run's settings.
        run: folder of the run.
    """
    model = load_clip(config.given.get("clip", run / "clip"))
    look, rule = word_network(model, config.maps)
    return Masker(look.network, 1 + model.num_classes, look.view, functools.partial(words_shown, rule),
                  functools.partial(decide_by_words, rule, config.labels.power), confident_crf(config.pseudo),
                  (rule.last_block,), carried={"words": list(model.texts[:model.num_classes])})
