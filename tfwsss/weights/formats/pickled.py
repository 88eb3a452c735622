"""Reads the data that a pickle describes, by an interpreter of our own that can call nothing but what it is given.

Python's own unpickler calls whatever a file names. This one knows the opcodes that build plain
containers, and a table of names; every other name or opcode ends the reading.
"""

import dataclasses
import io
import pickletools
from collections.abc import Callable, Mapping
from typing import Any

from tfwsss.weights.formats.inert import Inert

MAX_BYTES = 32 * 2**20
"""Longest pickle that is read; those of large networks have some hundred kilobytes."""

MAX_STEPS = 2_000_000
"""Most opcodes that are followed."""


class PickleFault(ValueError):
    """A pickle that is broken, or asks for more than data."""


@dataclasses.dataclass(frozen=True)
class Name:
    """A global that stands for itself, such as the type of a storage.

    Args:
        text: module and name with a dot between.

    Example:

    >>> Name("torch.FloatStorage").text
    'torch.FloatStorage'
    """

    text: str


def is_key(value: Any) -> bool:
    """Says whether a value may be the key of a dictionary: a text of moderate length, or a number.

    Args:
        value: anything that a pickle builds.

    Returns:
        True for texts up to 1,000 letters and 64-bit numbers: everything else is no name of an array, and
        containers as keys would take exponential time.

    Example:

    >>> is_key("conv1.weight"), is_key(7), is_key(("a", "b"))
    (True, True, False)
    """
    return len(value) <= 1000 if isinstance(value, str) else isinstance(value, int) and abs(value) < 2**63


class Interpreter:
    r"""Follows the opcodes of one pickle.

    Args:
        functions: what the pickle may call, by full name (`collections.OrderedDict`).
        names: full names that are data and stand for themselves.
        persistent: turns the description of an object outside the pickle into a value.
        inert: says of a full name that objects of it are passed over: they become `Inert`, and nothing is called.

    Example:

    >>> Interpreter({}, set()).run(io.BytesIO(b"(dVa\nI1\ns."))
    {'a': 1}
    >>> Interpreter({}, set()).run(io.BytesIO(b"cos\nsystem\n(Vls\ntR."))
    Traceback (most recent call last):
    ...
    tfwsss.weights.formats.pickled.PickleFault: it asks to call os.system (byte 0), which is code, not data
    """

    def __init__(self, functions: Mapping[str, Callable[..., Any]], names: set[str],
                 persistent: Callable[[Any], Any] | None = None, inert: Callable[[str], bool] | None = None):
        self.functions, self.names, self.persistent, self.inert = functions, names, persistent, inert
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.position = 0
        self.last_text = ""  # the last text seen: usually the key of what is being read

    def run(self, stream: io.BytesIO) -> Any:
        """Returns the object that the pickle at the stream's position describes; the stream stands behind it.

        Raises:
            PickleFault: an opcode or a name that is not plain data, or a broken pickle.
        """
        self.stack, self.marks, self.memo = [], [], {}
        try:
            for step, (opcode, argument, position) in enumerate(pickletools.genops(stream)):
                self.position = position or 0
                if step > MAX_STEPS:
                    raise PickleFault(f"it has more than {MAX_STEPS:,} steps")
                self._follow(opcode.name, argument)
            (value,) = self.stack
        except PickleFault:
            raise
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise PickleFault(f"broken at byte {self.position} ({type(error).__name__}: {error})") from None
        return value

    def _follow(self, opcode: str, argument: Any) -> None:
        if opcode in _PUSHED:
            self.last_text = argument if isinstance(argument, str) else self.last_text
            self.stack.append(argument)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode]())
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        elif self.inert and opcode in _INERT:
            _INERT[opcode](self)
        elif opcode not in ("PROTO", "FRAME", "STOP"):
            raise PickleFault(f"opcode {opcode} (byte {self.position}) builds more than plain data")

    def _since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items, self.stack[start:] = self.stack[start:], []
        return items

    def _pop(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise PickleFault(f"broken at byte {self.position} (nothing to take)")
        items, self.stack[len(self.stack) - count:] = self.stack[len(self.stack) - count:], []
        return items

    def _put(self, key: int | None) -> None:
        self.memo[len(self.memo) if key is None else key] = self.stack[-1]

    def _global(self, text: str) -> None:
        name = text.replace(" ", ".")
        if name not in self.functions and name not in self.names and not self._is_inert(Name(name)):
            raise PickleFault(f"it asks to call {name[:80]} (byte {self.position}), which is code, not data")
        self.stack.append(Name(name))

    def _reduce(self, _: Any) -> None:
        function, arguments = self._pop(2)
        if self._is_inert(function):
            self.stack.append(Inert(function.text))
            return
        if not isinstance(function, Name) or function.text not in self.functions or not isinstance(arguments, tuple):
            raise PickleFault(f"it calls something that is no function (byte {self.position})")
        self.stack.append(self.functions[function.text](*arguments))

    def _is_inert(self, function: Any) -> bool:
        """Says whether nothing is made of this name: it is passed over."""
        return self.inert is not None and isinstance(function, Name | Inert) and function.text not in self.functions \
            and (isinstance(function, Inert) or self.inert(function.text))

    def _new(self, count: int) -> None:
        """Passes over an object of a class, with as many arguments."""
        kind, *_ = self._pop(count)
        if not self._is_inert(kind):
            raise PickleFault(f"it makes an object of {getattr(kind, 'text', 'nothing')} (byte {self.position})")
        self.stack.append(Inert(kind.text))

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Inert):
            target.items.update(pair for pair in zip(items[::2], items[1::2], strict=False) if is_key(pair[0]))
            return
        if type(target) is not dict or len(items) % 2 or not all(map(is_key, items[::2])):
            raise PickleFault(f"it sets items of a {type(target).__name__}, or odd ones (byte {self.position})")
        target.update(zip(items[::2], items[1::2], strict=True))

    def _append(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], Inert):
            return
        if type(self.stack[-1]) is not list:
            raise PickleFault(f"it appends to a {type(self.stack[-1]).__name__} (byte {self.position})")
        self.stack[-1].extend(items)

    def _build(self, _: Any) -> None:
        (state,) = self._pop(1)
        if self.inert and (isinstance(self.stack[-1], Inert) or type(self.stack[-1]) is dict or
                           dataclasses.is_dataclass(self.stack[-1])):
            return                                               # attributes, of an object, a dictionary or a tensor
        if type(self.stack[-1]) is not dict or type(state) is not dict:
            raise PickleFault(f"it sets the state of a {type(self.stack[-1]).__name__} (byte {self.position})")
        # attributes of an ordered dictionary, such as its _metadata: no data

    def _from_outside(self, _: Any) -> None:
        if self.persistent is None:
            raise PickleFault(f"it refers to an object outside (byte {self.position})")
        self.stack.append(self.persistent(self._pop(1)[0]))

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append({})
        self._set_items(items)


_PUSHED = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
           "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
           "BINBYTES8"}
_CONSTANTS = {"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_DICT": dict,
              "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_ACTIONS: dict[str, Callable[[Interpreter, Any], Any]] = {
    "MARK": lambda self, _: self.marks.append(len(self.stack)),
    "POP": lambda self, _: self._pop(1),
    "POP_MARK": lambda self, _: self._since_mark(),
    "DUP": lambda self, _: self.stack.append(self.stack[-1]),
    "PUT": Interpreter._put, "BINPUT": Interpreter._put, "LONG_BINPUT": Interpreter._put, "MEMOIZE": Interpreter._put,
    "GET": lambda self, key: self.stack.append(self.memo[key]),
    "BINGET": lambda self, key: self.stack.append(self.memo[key]),
    "LONG_BINGET": lambda self, key: self.stack.append(self.memo[key]),
    "TUPLE": lambda self, _: self.stack.append(tuple(self._since_mark())),
    "TUPLE1": lambda self, _: self.stack.append(tuple(self._pop(1))),
    "TUPLE2": lambda self, _: self.stack.append(tuple(self._pop(2))),
    "TUPLE3": lambda self, _: self.stack.append(tuple(self._pop(3))),
    "LIST": lambda self, _: self.stack.append(self._since_mark()),
    "DICT": Interpreter._dict,
    "APPEND": lambda self, _: self._append(self._pop(1)),
    "APPENDS": lambda self, _: self._append(self._since_mark()),
    "SETITEM": lambda self, _: self._set_items(self._pop(2)),
    "SETITEMS": lambda self, _: self._set_items(self._since_mark()),
    "GLOBAL": Interpreter._global,
    "STACK_GLOBAL": lambda self, _: self._global(" ".join(self._pop(2))),
    "REDUCE": Interpreter._reduce,
    "BUILD": Interpreter._build,
    "BINPERSID": Interpreter._from_outside,
}
_INERT: dict[str, Callable[[Interpreter], Any]] = {
    "EMPTY_SET": lambda self: self.stack.append(Inert("set")),
    "ADDITEMS": lambda self: self._append(self._since_mark()),
    "FROZENSET": lambda self: (self._since_mark(), self.stack.append(Inert("frozenset"))),
    "NEWOBJ": lambda self: self._new(2), "NEWOBJ_EX": lambda self: self._new(3),
    "BYTEARRAY8": lambda self: self.stack.append(Inert("bytearray")),
}
