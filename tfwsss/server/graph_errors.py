"""What a graph's operation says, in words for a client: without names of nodes, functions, devices and places."""

import re

import tensorflow as tf

_ASSERTION = "assertion failed: "
_BEFORE = re.compile(r".*?(?:<stack traces unavailable>\n|\(0\) [A-Z_]+: |Graph execution error:\s+)", re.DOTALL)
_AFTER = re.compile(r"\s*(?:\[\[|\[Op:|\n).*", re.DOTALL)
_FUNCTIONS = re.compile(r"\{\{[^{}]*\}\}\s*")
_OF_THE_GRAPH = re.compile(r"\{\{|\}\}|__inference|/job:|StatefulPartitionedCall|\bnode\b|\w/\w+/", re.IGNORECASE)


def plain_words(error: tf.errors.OpError) -> str:
    r"""Returns what an operation refuses, without where it stands in the graph.

    Args:
        error: as TensorFlow raises it.

    Returns:
        One line; where nothing is left that a client could understand, the kind of the error.

    Example:
    >>> plain_words(tf.errors.InvalidArgumentError(None, None, "assertion failed: [too few:] [3]\n\t [[{{node a}}]]"))
    'too few: 3'
    """
    text = error.message
    while found := _BEFORE.match(text):
        text = text[found.end():]
    text = _FUNCTIONS.sub("", text) if text.startswith("{{") else text
    if text.startswith(_ASSERTION):
        return _said(text.removeprefix(_ASSERTION))
    words = _AFTER.sub("", text).strip()
    if not words or _OF_THE_GRAPH.search(words):
        return f"the model does not take these inputs ({type(error).__name__.removesuffix('Error')})"
    return words


def _said(text: str) -> str:
    """Puts the values of an assertion together; each stands in brackets, texts with a backslash before quotes."""
    values = text.partition("\n")[0].partition("]] [Op:")[0].removesuffix("]").removeprefix("[")
    return values.replace("] [", " ").replace("\\'", "'").replace('\\"', '"')
