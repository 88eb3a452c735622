"""Vision transformers of a few blocks: their graphs take a third of the time, and every block is the same."""

import dataclasses

import pytest

from tfwsss.backbones.vit import FORMS, ViTForm

DEPTH = 4


def shallow(form: ViTForm, width: float) -> ViTForm:
    """Returns a form of `DEPTH` blocks, narrowed."""
    return dataclasses.replace(form.narrowed(width), depth=DEPTH)


def make_shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the published forms have `DEPTH` blocks; `tests/backbones` builds them of all twelve."""
    for name, form in FORMS.items():
        monkeypatch.setitem(FORMS, name, dataclasses.replace(form, depth=DEPTH))
