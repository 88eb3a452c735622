"""What a run's settings say to its stages."""

from tfwsss.methods import get
from tfwsss.runs.context import Context


def test_settings_become_the_context():
    config = get("icd").config(method="icd", seed=3, workers=2, devices=2, mixed_precision=True,
                               tensorboard={"panels": 1})
    context = Context.of(config)
    assert context[:4] == (3, 2, 2, True) and context.tensorboard.panels == 1
    assert context.values["icd"]["epochs"] == 20
    assert context.elsewhere is None and context.team.exchange(1) == [1]
