"""Words that people write almost right."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns a hint: the known word that is written most like this one, or the first few of them.

    Args:
        word: what was written.
        known: what could have been meant.

    Example:
    >>> nearest("hors", ["cow", "horse"])
    "did you mean 'horse'?"
    """
    known = list(known)
    folded = {item.casefold(): item for item in known}
    match = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    if match:
        return f"did you mean {folded[match[0]]!r}?"
    return f"there are {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}" if known else "there are none"
