"""Stack, marks and memo are CPython's: whatever it can pickle is followed to its end, in every protocol."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsilent.pickle_machine import PickleMachine
from unsilent.pickle_policy import Kind
from unsilent.pickle_stack import Broken

ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.text(min_size=300)
KEYS = st.integers() | st.text()
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner) | st.sets(KEYS) | st.frozensets(KEYS)
    ),
)


@pytest.mark.no_cover
@settings(deadline=None)
@given(VALUES, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_whatever_is_pickled_is_followed(value: object, protocol: int) -> None:
    """To the last byte; of plain values nothing is unsafe but names of ``builtins`` that torch does not list."""
    blob = pickle.dumps(value, protocol)
    machine = PickleMachine(blob)
    machine.run()

    assert machine.at == len(blob)
    assert set(machine.unsafe) <= {"builtins.bytes", "builtins.frozenset"}


@pytest.mark.parametrize(
    ("value", "protocol", "expected"),
    [
        ("lora", 0, "lora"),
        ("lora", 4, "lora"),
        ("x" * 300, 4, Kind.TEXT),
        (2**70, 2, 2**70),
        (2**5000, 2, Kind.NUMBER),
        (10**400, 0, Kind.NUMBER),
        (True, 0, Kind.TRUTH),
        (7, 0, 7),
        (1.5, 2, Kind.NUMBER),
        (1.5, 0, Kind.NUMBER),
        (b"x", 3, Kind.BYTES),
        ((1, (2, 3)), 2, (1, Kind.TUPLE)),
        (tuple(range(20)), 2, tuple(range(8))),
        ([1], 2, Kind.LIST),
        ({1: 2}, 2, Kind.DICT),
        ({1}, 4, Kind.SET),
    ],
)
def test_short_values_are_kept(value: object, protocol: int, expected: object) -> None:
    """And of everything else its kind."""
    assert PickleMachine(pickle.dumps(value, protocol)).run() == expected


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "cut off at byte 0"),
        (b"N", "cut off at byte 1"),
        (b"cos\nsyst", "cut off at byte 8"),
        (b"X\x05\0\0\0ab", "cut off: 5 bytes wanted"),
        (b"T\xff\xff\xff\xffab.", "cut off: -1 bytes wanted"),
        (b"\x95\x05\0\0\0\0\0\0\0N.", "cut off: a frame of 5 bytes"),
        (b"\x80\x06N.", "a protocol above 5"),
        (b"\xff", "byte 0 (0xff) is no opcode"),
        (b"\x97.", "is no opcode"),
        (b"h\x05.", "asks the memo for nothing"),
        (b".", "has no value to work on"),
        (b"0.", "has no value to work on"),
        (b"Np-1\n.", "or a wrong one"),
        (b"S'abc\n.", "or a wrong one"),
        (b"S\n.", "or a wrong one"),
        (b"Ix\n.", "or a wrong one"),
        (b"X\x01\0\0\0\xff.", "or a wrong one"),
        (b"K\x01\x85\x85\x93.", "has no value to work on"),
    ],
)
def test_broken_pickle_says_where(blob: bytes, message: str) -> None:
    """Whatever is wrong, it is one exception."""
    import re

    with pytest.raises(Broken, match=re.escape(message)):
        PickleMachine(blob).run()


def test_values_are_taken_and_copied() -> None:
    """Marks are undone by POP, copies made by DUP, the memo read in all three ways."""
    assert PickleMachine(b"K\x01(K\x021(0.").run() == 1
    assert PickleMachine(b"K\x012\x86.").run() == (1, 1)
    assert PickleMachine(b"K\x07p3\nr\x04\x00\x00\x00q\x05000"[:-3] + b"0g3\nj\x04\x00\x00\x00h\x05\x87.").run() == (
        7,
        7,
        7,
    )
