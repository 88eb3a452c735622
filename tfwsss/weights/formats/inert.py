"""Which names in a pickle are plain data or objects of other packages: they become `Inert`, and nothing is called."""

import re
import sys
from typing import Any

_OF_PYTHON = {
    "collections.Counter", "collections.deque", "argparse.Namespace", "types.SimpleNamespace",
    "copyreg._reconstructor", "copy_reg._reconstructor", "_codecs.encode",
    "datetime.datetime", "datetime.date", "datetime.timedelta",
    "datetime.timezone", "decimal.Decimal", "fractions.Fraction", "uuid.UUID", "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib.PurePosixPath", "pathlib.PureWindowsPath", "pathlib.Path", "enum.Enum",
    *(f"{room}.{name}" for room in ("builtins", "__builtin__") for name in (
        "set", "frozenset", "list", "dict", "tuple", "int", "float", "bool", "str", "bytes", "bytearray",
        "slice", "range", "object", "NoneType", "unicode", "long", "xrange"))}
_OF_TORCH = {"torch.device", "torch.layout", "torch.memory_format", "torch.strided", "torch.contiguous_format",
             "torch.Generator", "torch.serialization._get_layout"}
_TYPES = re.compile(r"typing\.\w+|pathlib\._local\.\w+Path|torch\.(?:q?u?int|b?float|complex|bits)\d\w*")
_PYTHONS = sys.stdlib_module_names | {"__builtin__", "copy_reg", "cPickle", "commands", "exceptions"}


class Inert:
    """An object that a file describes and that is not made.

    Args:
        text: full name of what would have been called.

    Attributes:
        items: what the file sets in it by key.

    Example:

    >>> Inert("argparse.Namespace").text
    'argparse.Namespace'
    """

    def __init__(self, text: str):
        self.text = text
        self.items: dict[Any, Any] = {}


def is_inert(name: str) -> bool:
    """Returns whether a name stands for data: of Python's own and of PyTorch's those listed, of others all.

    What is refused is Python's library beyond that (`os.system`) and modules of PyTorch's, which only a program makes
    weights of. Others' are passed over: nothing of them is imported or called.

    Args:
        name: module and name with a dot between.

    Example:

    >>> is_inert("argparse.Namespace"), is_inert("omegaconf.DictConfig"), is_inert("os.system"), is_inert("torch.load")
    (True, True, False, False)
    """
    if name in _OF_PYTHON or name in _OF_TORCH or _TYPES.fullmatch(name):
        return True
    room = name.split(".")[0]
    if room == "torch":
        return name.startswith(("torch._utils._rebuild_", "torch.optim.", "torch.amp.", "torch.cuda.amp."))
    return bool(room) and room not in _PYTHONS
