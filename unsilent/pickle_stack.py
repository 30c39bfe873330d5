"""What a pickle's opcodes read and stack, with every value replaced by what is known of it.

``pickle_machine`` puts on top of this what is imported and called. Values are short texts, numbers, short tuples and
otherwise only kinds: what is long is not looked at, and a million nested tuples cost no more than a million tuples.
"""

from __future__ import annotations

import codecs
import struct

from .pickle_policy import Kind, Value

LONGEST_KEPT = 255  # characters of a text, name or number that are looked at
MOST_ARGUMENTS = 8  # of a tuple that are looked at; torch's longest has 8


class Broken(Exception):
    """No pickle, or one that breaks off; the message says where."""


class PickleStack:
    """The bytes of a pickle, a place in them, and stack, marks and memo as ``pickle._Unpickler`` keeps them."""

    def __init__(self, blob: bytes) -> None:
        self.blob = blob
        self.at = 0
        self._clear()

    def _clear(self) -> None:
        self._stack: list[Value] = []
        self._marked: list[list[Value]] = []
        self._memo: dict[int, Value] = {}

    def _take(self, size: int) -> bytes:
        if not 0 <= size <= len(self.blob) - self.at:
            raise Broken(f"cut off: {size} bytes wanted at byte {self.at} of {len(self.blob)}")
        self.at += size
        return self.blob[self.at - size : self.at]

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._take(struct.calcsize(form)))[0])

    def _line(self) -> bytes:
        """Up to the end of the line; where there is none, all but the last byte, as Python takes it."""
        begin, end = self.at, self.blob.find(b"\n", self.at)
        if end < 0:
            end = len(self.blob) - 1
        self.at = max(begin, end + 1)
        return self.blob[begin:end]

    def _push(self, value: Value) -> None:
        self._stack.append(value)

    def _mark(self) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Value]:
        values = self._stack
        self._stack = self._marked.pop()
        return values

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def _tuple(self, values: list[Value]) -> None:
        """Only short tuples are looked into, and not what is inside of those."""
        self._push(tuple(Kind.TUPLE if isinstance(one, tuple) else one for one in values[:MOST_ARGUMENTS]))

    def _tuple_of(self, count: int) -> None:
        values = [self._stack.pop() for _ in range(count)]
        self._tuple(values[::-1])

    def _put(self, key: int) -> None:
        if key < 0:
            raise ValueError
        self._memo[key] = self._stack[-1]

    def _text(self, raw: bytes, encoding: str = "utf-8", errors: str = "surrogatepass") -> None:
        if len(raw) > LONGEST_KEPT:
            self._push(Kind.TEXT)
            return
        self._push(raw.decode(encoding, errors))  # a UnicodeDecodeError is a ValueError

    def _quoted(self) -> None:
        line = self._line().strip()
        if len(line) < 2 or line[0] != line[-1] or line[:1] not in (b"'", b'"'):  # noqa: PLR2004 - two quotes
            raise ValueError
        self._text(codecs.escape_decode(line[1:-1])[0] if len(line) <= LONGEST_KEPT else line)

    def _written_number(self) -> None:
        line = self._line()
        if len(line) > LONGEST_KEPT:
            self._push(Kind.NUMBER)
        else:
            self._push(Kind.TRUTH if line in (b"00", b"01") else int(line.rstrip(b"L"), 0))

    def _float(self, raw: bytes) -> None:  # noqa: ARG002 - any float is only a number
        self._push(Kind.NUMBER)

    def _skip(self, form: str) -> None:
        self._take(self._number(form))
        self._push(Kind.BYTES)

    def _long(self, size: int) -> None:
        raw = self._take(size)
        self._push(int.from_bytes(raw, "little", signed=True) if size <= LONGEST_KEPT else Kind.NUMBER)

    def _many(self, kind: Kind) -> None:
        self._since_mark()
        self._push(kind)
