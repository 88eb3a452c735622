"""The public surface changes on purpose only."""

import difflib

from tests.support.public_names import LIST, public_names


def test_public_names_are_the_committed_ones():
    committed = LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else []
    changed = [line for line in difflib.unified_diff(committed, public_names(), lineterm="", n=0)
               if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    hint = "the public surface has changed; if on purpose: python -m tests.support.public_names"
    assert not changed, "\n".join([hint, *changed])
