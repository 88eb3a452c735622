"""Why a photograph has no mask, in words that say what to do with it."""

import io

from PIL import Image, UnidentifiedImageError

from tfwsss.data.reading import formats_read, what_it_is
from tfwsss.server.refusal import Code, Refusal

_BROKEN = ("Invalid JPEG", "Invalid PNG", "jpeg::Uncompress")


def reason(refusal: Refusal, contents: bytes) -> str:
    """Returns why the graph has refused a file.

    Args:
        refusal: of the exported model.
        contents: of the file.

    Returns:
        One line, with the cure.

    Example:
    >>> reason(Refusal(Code.INVALID_ARGUMENT, "not an image: expected the bytes of a JPEG or PNG file"), b"")
    'empty file (0 bytes); replace it by an image'
    """
    words = " ".join(str(refusal).split())
    if refusal.code == Code.RESOURCE_EXHAUSTED:
        return f"needs more memory than there is ({words[:200]}); make it smaller, or take fewer --workers"
    if words.startswith("not an image"):
        return _other(contents)
    if any(sign in words for sign in _BROKEN):
        return f"broken or cut off ({words}); fetch or save it again"
    if words.startswith("image of"):
        return f"{words}; make it smaller, or export with a larger --max-pixels"
    return words


def _other(contents: bytes) -> str:
    try:
        with Image.open(io.BytesIO(contents), formats=formats_read()) as image:
            return f"is {image.format}, and the exported model reads JPEG and PNG alone; save it as one of these"
    except UnidentifiedImageError:
        return what_it_is(contents[:256])
    except Exception:                           # Pillow's plug-ins do not agree on one kind
        return "is of another format and broken; save it as JPEG or PNG"
