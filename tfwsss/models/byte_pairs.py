"""CLIP's tokenizer: cleaned texts to pieces, pieces to pairs of bytes that its list merges, to numbers."""

import functools
import html
import json
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfwsss.errors import UserError

MERGES = 48_894
"""Of CLIP's list; what follows in its file is not used."""

LENGTH = 77
"""Tokens of a text, with both marks."""

START, END = "<|startoftext|>", "<|endoftext|>"

_BLANKS = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_PLAIN = [*range(33, 127), *range(161, 173), *range(174, 256)]      # bytes that stand for themselves
_BYTES = [*_PLAIN, *(byte for byte in range(256) if byte not in _PLAIN)]
_SIGNS = [*map(chr, _PLAIN), *map(chr, range(256, 256 + 256 - len(_PLAIN)))]
_SIGN_OF = dict(zip(_BYTES, _SIGNS, strict=True))
_LAST = "</w>"
_SHORT_FORMS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
_MOST_BYTES = 64 * 2**20


def cleaned(text: str) -> str:
    """Returns a text as it is tokenized: HTML's entities undone twice, single blanks, lower case.

    CLIP's own program repairs mis-decoded text besides, which changes no plain words.

    Args:
        text: any.

    Example:

    >>> cleaned(" A  cat &amp;amp; DOG ")
    'a cat & dog'
    """
    return _BLANKS.sub(" ", html.unescape(html.unescape(text)).strip()).strip().lower()


def pieces(text: str) -> Iterator[str]:
    """Yields the pieces of a cleaned text, none of which is merged with another.

    Marks, English short forms, runs of letters, single digits, runs of other signs.

    Args:
        text: of `cleaned`.

    Example:

    >>> list(pieces("it's 24 o'clock!?"))
    ['it', "'s", '2', '4', 'o', "'", 'clock', '!?']
    """
    place = 0
    while place < len(text):
        kind = _kind(text[place])
        found = next((each for each in (START, END, *_SHORT_FORMS) if text.startswith(each, place)), None)
        if found is None:
            end = place + 1
            while kind != "N" and end < len(text) and _kind(text[end]) == kind:
                end += 1
            found = text[place:end]
        place += len(found)
        if _kind(found[0]) != " ":
            yield found


def _kind(sign: str) -> str:
    """Returns L for a letter, N for a number sign, a blank for blanks, O for others."""
    if _BLANKS.fullmatch(sign):
        return " "
    first = unicodedata.category(sign)[0]
    return first if first in "LN" else "O"


class BytePairs:
    """Tokenizes texts as CLIP was trained on them.

    Numbers: 256 bytes, 256 bytes at the end of a piece, one for each merge, the marks of start and end.

    Args:
        ranks: pair of signs to its place in the list of merges; empty: every byte stays by itself.
        count: merges of the whole list, of which `ranks` may be a part.

    Example:

    >>> tokenizer = BytePairs({("c", "a"): 0, ("ca", "t</w>"): 1}, 2)
    >>> tokenizer.encode("cat"), tokenizer.tokens(["cat"], length=5).tolist()
    ([513], [[514, 513, 515, 0, 0]])

    Reference: Sennrich et al., ACL 2016; Radford et al., CLIP, ICML 2021 (released code).
    """

    def __init__(self, ranks: Mapping[tuple[str, str], int], count: int = MERGES):
        self._ranks, self._count = dict(ranks), count
        signs = [*_SIGNS, *(sign + _LAST for sign in _SIGNS)]
        self._ids = {sign: number for number, sign in enumerate(signs)}
        self._ids |= {one + other: len(signs) + rank for (one, other), rank in self._ranks.items()}
        self._marks = {START: len(signs) + count, END: len(signs) + count + 1}
        self._of_piece = functools.lru_cache(10_000)(self._merged)

    @property
    def size(self) -> int:
        """Numbers of the vocabulary."""
        return 2 * len(_SIGNS) + self._count + len(self._marks)

    def encode(self, text: str) -> list[int]:
        """Returns a text's numbers, without marks of its own.

        Args:
            text: any.
        """
        return [number for piece in pieces(cleaned(text)) for number in self._of_piece(piece)]

    def tokens(self, texts: Sequence[str], length: int = LENGTH, cut: bool = False) -> np.ndarray:
        """Returns texts as the text tower reads them: between the marks, filled up with 0.

        Args:
            texts: any.
            length: of each, with its marks.
            cut: whether longer texts are cut, their last number the end mark.

        Returns:
            int32 `(text, length)`.

        Raises:
            UserError: a text that is too long, and is not to be cut.
        """
        result = np.zeros((len(texts), length), np.int32)
        for row, text in zip(result, texts, strict=True):
            numbers = [self._marks[START], *self.encode(text), self._marks[END]]
            if len(numbers) > length and not cut:
                raise UserError(f"{text[:60]!r}... has {len(numbers) - 2} tokens; CLIP reads {length - 2} at most: say "
                                "it in fewer words")
            row[:min(len(numbers), length)] = numbers[:length]
            row[-1] = self._marks[END] if len(numbers) > length else row[-1]
        return result

    def _merged(self, piece: str) -> tuple[int, ...]:
        """Merges the pair of the lowest rank, wherever it occurs, until none is left."""
        if piece in self._marks:
            return (self._marks[piece],)
        signs = [_SIGN_OF[byte] for byte in piece.encode("utf-8", "surrogatepass")]
        signs[-1] += _LAST
        while len(signs) > 1:
            rank, pair = min((self._ranks.get(pair, self._count), pair)
                             for pair in zip(signs, signs[1:], strict=False))
            if rank == self._count:
                break
            signs = _joined(signs, pair)
        return tuple(self._ids[sign] for sign in signs)


def _joined(signs: list[str], pair: tuple[str, str]) -> list[str]:
    """Joins a pair wherever it occurs, from the left."""
    found: list[str] = []
    place = 0
    while place < len(signs):
        both = tuple(signs[place:place + 2]) == pair
        found.append("".join(pair) if both else signs[place])
        place += 2 if both else 1
    return found


def read_merges(path: Path) -> BytePairs:
    """Reads CLIP's list of merges from a file that comes with its weights.

    Args:
        path: `bpe_simple_vocab_16e6.txt.gz` or its text, `merges.txt`, or `tokenizer.json`.

    Returns:
        The tokenizer.

    Raises:
        UserError: the file is missing or holds no such list.
    """
    try:
        data = path.read_bytes()
        text = _unpacked(data).decode("utf-8")
        pairs = _of_json(text) if text.lstrip().startswith("{") else [line.split() for line in text.split("\n")[1:]]
        pairs = [(one, other) for one, other in pairs[:MERGES]]
    except OSError as error:
        raise UserError(f"{path}: the list of merges cannot be read ({error.strerror}); name merges.txt or "
                        "bpe_simple_vocab_16e6.txt.gz, which come with CLIP's weights, as clip.merges") from None
    except (ValueError, EOFError, zlib.error, KeyError, TypeError) as error:
        raise _no_list(path, f"{type(error).__name__}: {str(error)[:80]}") from None
    if len(pairs) < MERGES:
        raise _no_list(path, f"it holds {len(pairs):,} pairs")
    return BytePairs({pair: rank for rank, pair in enumerate(pairs)})


def _no_list(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: is no list of CLIP's merges ({reason}); expected a first line and then {MERGES:,} "
                     "pairs, one a line: merges.txt, or bpe_simple_vocab_16e6.txt.gz")


def _unpacked(data: bytes) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
    text = unpacking.decompress(data, _MOST_BYTES)
    if not unpacking.eof:
        raise ValueError("it is cut off, or far too long")
    return text


def _of_json(text: str) -> list:
    merges = json.loads(text)["model"]["merges"]
    return [pair.split() if isinstance(pair, str) else pair for pair in merges]
