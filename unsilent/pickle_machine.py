"""Follow a pickle opcode by opcode without doing what it says.

A pickle is a program. This machine keeps its stack and its memo as Python would, with every value replaced by what is
known of it (a short text, a number, "a list"), so that a name put together on the stack, fetched from the memo or
hidden behind an old opcode is seen as what it is. Imports and calls are judged by ``pickle_policy`` and never done.
Where the program does something that torch's reader would refuse, that is one sentence among the unsafe names; where it
breaks off, that is the complaint.

Source of the semantics: ``pickle._Unpickler`` of CPython 3.11, opcode by opcode.
"""

from __future__ import annotations

import pickle
import struct
from typing import TYPE_CHECKING, ClassVar

from .pickle_policy import CALLS, DICTIONARIES, NAMES, OLD_NAMES, STORAGE_BYTES, Global, Kind, Made, Value
from .pickle_stack import LONGEST_KEPT, MOST_ARGUMENTS, Broken, PickleStack

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_OPCODES = 5_000_000  # an adapter of 92,000 tensors has 3 million; a second takes about 1.5 million
MOST_VALUES = 1_000_000  # on the stack, and in the memo: 8 a tensor
MOST_UNSAFE = 50  # listed; more say nothing new
HIGHEST_PROTOCOL = 5


class PickleMachine(PickleStack):
    """One pickle after another out of ``blob``; ``unsafe`` and ``storages`` collect what all of them named."""

    def __init__(self, blob: bytes) -> None:
        super().__init__(blob)
        self.unsafe: dict[str, None] = {}
        self.storages: dict[str, int] = {}
        self._left = MOST_OPCODES

    def run(self) -> Value:
        """Follow the pickle that begins at ``at`` to its end.

        Raises:
            Broken: Cut off, no opcode, an empty stack, too many opcodes.
        """
        self._clear()
        while self.at < len(self.blob):
            begin, code = self.at, self.blob[self.at]
            self.at += 1
            self._left -= 1
            try:
                if code == STOP:
                    return self._stack.pop()
                OPERATIONS[code](self)
            except KeyError:
                raise Broken(f"byte {begin} ({code:#04x}) is no opcode, or asks the memo for nothing") from None
            except (IndexError, ValueError, struct.error):
                raise Broken(
                    f"the opcode at byte {begin} ({code:#04x}) has no value to work on, or a wrong one"
                ) from None
            if self._left < 0 or len(self._stack) > MOST_VALUES or len(self._memo) > MOST_VALUES:
                raise Broken(f"more than {MOST_OPCODES} opcodes or {MOST_VALUES} values")
        raise Broken(f"cut off at byte {self.at}")

    def accuse(self, what: str) -> None:
        """Note something unsafe, once."""
        if len(self.unsafe) < MOST_UNSAFE:
            self.unsafe[what if what.isprintable() and len(what) <= LONGEST_KEPT else ascii(what[:LONGEST_KEPT])] = None

    def _import(self, module: str, name: str) -> None:
        full = f"{OLD_NAMES.get(module, module)}.{name}"
        if full not in NAMES:
            self.accuse(full)
        self._push(Global(full[:LONGEST_KEPT]))

    def _name(self) -> str:
        return self._line().decode("utf-8", "backslashreplace")

    def _import_from_stack(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if isinstance(name, str) and isinstance(module, str):
            self._import(module, name)
        else:
            self.accuse("an import whose name is put together while it is read")
            self._push(Kind.TEXT)

    def _registered(self, form: str) -> None:
        self.accuse(f"an import by number, from the registry of extensions ({self._number(form)})")
        self._push(Kind.TEXT)

    def _call(self, function: Value, arguments: Value) -> None:
        name = function.name if isinstance(function, Global) else ""
        if not name:
            self.accuse("a call of something that was not imported by name")
        elif name in NAMES and not (isinstance(arguments, tuple) and name in CALLS and CALLS[name](arguments)):
            self.accuse(f"a call of {name} as no clean file has it")
        self._push(Made(name))

    def _reduce(self) -> None:
        arguments = self._stack.pop()
        self._call(self._stack.pop(), arguments)

    def _new_with_names(self) -> None:
        del self._stack[-1]
        self._reduce()

    def _instance(self) -> None:
        self._import(self._name(), self._name())
        function = self._stack.pop()
        self._call(function, tuple(self._since_mark()[:MOST_ARGUMENTS]))

    def _object(self) -> None:
        function, *arguments = self._since_mark()
        self._call(function, tuple(arguments[:MOST_ARGUMENTS]))

    def _build(self) -> None:
        state, on = self._stack.pop(), self._stack[-1]
        if on != Made("collections.OrderedDict") or state is not Kind.DICT:
            self.accuse("attributes set on something else than a state dictionary")

    def _fill(self, kind: Kind) -> None:
        on = self._stack[-1]
        if on is not kind and not (kind is Kind.DICT and isinstance(on, Made) and on.by in DICTIONARIES):
            self.accuse(f"values put into something that is no plain {kind.name.lower()}")

    def _fill_many(self, kind: Kind) -> None:
        self._since_mark()
        self._fill(kind)

    def _fill_one(self, kind: Kind, count: int) -> None:
        for _ in range(count):
            self._stack.pop()
        self._fill(kind)

    def _persistent(self) -> None:
        match self._stack.pop():
            case ("storage", Global(name=kind), str(key), str(), int(count), *_) if kind in STORAGE_BYTES:
                size = STORAGE_BYTES[kind] * count
                if count < 0 or self.storages.setdefault(key, size) != size:
                    raise Broken(f"storage {key!r} has two sizes, or less than none")
            case _:
                self.accuse("a persistent id that names no storage")
        self._push(Kind.STORAGE)

    def _persistent_line(self) -> None:
        raise Broken("a persistent id as text (protocol 0), which torch writes and cannot read")

    def _protocol(self) -> None:
        if self._take(1)[0] > HIGHEST_PROTOCOL:
            raise Broken(f"a protocol above {HIGHEST_PROTOCOL}")

    def _frame(self) -> None:
        size = self._number("<Q")
        if size > len(self.blob) - self.at:
            raise Broken(f"cut off: a frame of {size} bytes at byte {self.at} of {len(self.blob)}")

    # One line an opcode, in the groups of pickletools. Left out are the two for buffers that travel beside a pickle.
    BY_NAME: ClassVar[dict[str, Callable[[PickleMachine], object]]] = {
        "PROTO": _protocol,
        "FRAME": _frame,
        "INT": lambda self: self._written_number(),
        "LONG": lambda self: self._written_number(),
        "BININT": lambda self: self._push(self._number("<i")),
        "BININT1": lambda self: self._push(self._number("<B")),
        "BININT2": lambda self: self._push(self._number("<H")),
        "LONG1": lambda self: self._long(self._number("<B")),
        "LONG4": lambda self: self._long(self._number("<i")),
        "FLOAT": lambda self: self._float(self._line()),
        "BINFLOAT": lambda self: self._float(self._take(8)),
        "STRING": lambda self: self._quoted(),
        "BINSTRING": lambda self: self._text(self._take(self._number("<i"))),
        "SHORT_BINSTRING": lambda self: self._text(self._take(self._number("<B"))),
        "UNICODE": lambda self: self._text(self._line(), "raw-unicode-escape", "strict"),
        "SHORT_BINUNICODE": lambda self: self._text(self._take(self._number("<B"))),
        "BINUNICODE": lambda self: self._text(self._take(self._number("<I"))),
        "BINUNICODE8": lambda self: self._text(self._take(self._number("<Q"))),
        "SHORT_BINBYTES": lambda self: self._skip("<B"),
        "BINBYTES": lambda self: self._skip("<I"),
        "BINBYTES8": lambda self: self._skip("<Q"),
        "BYTEARRAY8": lambda self: self._skip("<Q"),
        "NONE": lambda self: self._push(Kind.NONE),
        "NEWTRUE": lambda self: self._push(Kind.TRUTH),
        "NEWFALSE": lambda self: self._push(Kind.TRUTH),
        "EMPTY_LIST": lambda self: self._push(Kind.LIST),
        "EMPTY_DICT": lambda self: self._push(Kind.DICT),
        "EMPTY_SET": lambda self: self._push(Kind.SET),
        "LIST": lambda self: self._many(Kind.LIST),
        "DICT": lambda self: self._many(Kind.DICT),
        "FROZENSET": lambda self: self._many(Kind.SET),
        "APPEND": lambda self: self._fill_one(Kind.LIST, 1),
        "APPENDS": lambda self: self._fill_many(Kind.LIST),
        "SETITEM": lambda self: self._fill_one(Kind.DICT, 2),
        "SETITEMS": lambda self: self._fill_many(Kind.DICT),
        "ADDITEMS": lambda self: self._fill_many(Kind.SET),
        "EMPTY_TUPLE": lambda self: self._push(()),
        "TUPLE": lambda self: self._tuple(self._since_mark()),
        "TUPLE1": lambda self: self._tuple_of(1),
        "TUPLE2": lambda self: self._tuple_of(2),
        "TUPLE3": lambda self: self._tuple_of(3),
        "MARK": lambda self: self._mark(),
        "POP": lambda self: self._pop(),
        "POP_MARK": lambda self: self._since_mark(),
        "DUP": lambda self: self._push(self._stack[-1]),
        "GET": lambda self: self._push(self._memo[int(self._line())]),
        "BINGET": lambda self: self._push(self._memo[self._number("<B")]),
        "LONG_BINGET": lambda self: self._push(self._memo[self._number("<I")]),
        "PUT": lambda self: self._put(int(self._line())),
        "BINPUT": lambda self: self._put(self._number("<B")),
        "LONG_BINPUT": lambda self: self._put(self._number("<I")),
        "MEMOIZE": lambda self: self._put(len(self._memo)),
        "EXT1": lambda self: self._registered("<B"),
        "EXT2": lambda self: self._registered("<H"),
        "EXT4": lambda self: self._registered("<i"),
        "GLOBAL": lambda self: self._import(self._name(), self._name()),
        "STACK_GLOBAL": _import_from_stack,
        "REDUCE": _reduce,
        "NEWOBJ": _reduce,
        "NEWOBJ_EX": _new_with_names,
        "INST": _instance,
        "OBJ": _object,
        "BUILD": _build,
        "PERSID": _persistent_line,
        "BINPERSID": _persistent,
    }


STOP = pickle.STOP[0]
OPERATIONS = {getattr(pickle, name)[0]: operation for name, operation in PickleMachine.BY_NAME.items()}
