"""Every way in which a pickle can import and call is seen; nothing is done."""

from __future__ import annotations

import contextlib
import io
import pickle
import random
import struct
from typing import Any, Self

import pytest

from unsilent import pickle_machine
from unsilent.pickle_machine import PickleMachine
from unsilent.pickle_policy import NAMES, OLD_NAMES
from unsilent.pickle_stack import Broken

SYSTEM = "posix.system"
ORDERED = b"ccollections\nOrderedDict\n)R"


def text(value: bytes) -> bytes:
    """BINUNICODE."""
    return b"X" + struct.pack("<I", len(value)) + value


POSIX, NAME = text(b"posix"), text(b"system")
ARGUMENT = text(b"true") + b"\x85"


@pytest.mark.parametrize(
    "program",
    [
        b"cposix\nsystem\n" + ARGUMENT + b"R.",
        b"(S'true'\niposix\nsystem\n.",
        b"(cposix\nsystem\n" + text(b"true") + b"o.",
        b"cposix\nsystem\n)\x81.",
        b"cposix\nsystem\n)}\x92.",
        POSIX + NAME + b"\x93.",
        b"\x8c\x05posix\x8c\x06system\x93.",
        b"U\x05posixU\x06system\x93.",
        b"T\x05\0\0\0posixT\x06\0\0\0system\x93.",
        b"S'posix'\nS'sys\\x74em'\n\x93.",
        b"Vposix\nVsys\\u0074em\n\x93.",
        b"\x8d\x05\0\0\0\0\0\0\0posix" + NAME + b"\x93.",
        POSIX + b"\x940" + NAME + b"\x940" + text(b"a") + text(b"b") + b"h\x00h\x01\x93.",
        POSIX + b"r\xff\xff\x00\x000" + NAME + b"p70\n0j\xff\xff\x00\x00g70\n\x93.",
        POSIX + NAME + b"20(" + text(b"decoy") + b"1\x93.",
        POSIX + b"(" + text(b"decoy") + b"10"[:1] + NAME + b"\x93.",
        b"\x95" + struct.pack("<Q", len(POSIX + NAME) + 2) + POSIX + NAME + b"\x93.",
    ],
    ids=["REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "STACK_GLOBAL", "short", "py2 short", "py2", "escaped",
         "escaped unicode", "long", "memo", "three memos", "DUP and POP_MARK", "mark between", "FRAME"],
)  # fmt: skip
def test_every_import_is_named(program: bytes) -> None:
    """However the name gets to its opcode."""
    machine = PickleMachine(program)
    machine.run()

    assert next(iter(machine.unsafe)) == SYSTEM


@pytest.mark.parametrize(
    ("program", "accusation"),
    [
        (b"K\x01K\x02\x93.", "put together while it is read"),
        (ORDERED + NAME + b"\x93.", "put together while it is read"),
        (text(b"x" * 300) + NAME + b"\x93.", "put together while it is read"),
        (b"\x82\x05.", "from the registry of extensions (5)"),
        (b"\x83\x05\x00.", "from the registry of extensions (5)"),
        (b"\x84\x05\x00\x00\x00.", "from the registry of extensions (5)"),
        (ORDERED + b")R.", "a call of something that was not imported by name"),
        (b"(" + NAME + b"o.", "a call of something that was not imported by name"),
        (
            b"ctorch\nFloatStorage\n" + b"J\xff\xff\xff\x7f\x85R.",
            "a call of torch.FloatStorage as no clean file has it",
        ),
        (b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "a call of builtins.bytearray"),
        (b"c_codecs\nencode\n" + text(b"x") + text(b"zlib") + b"\x86R.", "a call of _codecs.encode"),
        (b"ccollections\nOrderedDict\n]R.", "a call of collections.OrderedDict"),
        (b"ctorch\nTensor\n}b.", "attributes set on something else than a state dictionary"),
        (ORDERED + b"N}\x86b.", "attributes set on something else than a state dictionary"),
        (ORDERED + b"Na.", "values put into something that is no plain list"),
        (b"ctorch\nTensor\n(NNu.", "values put into something that is no plain dict"),
        (b"](N\x90.", "values put into something that is no plain set"),
        (text(b"weights") + b"Q.", "a persistent id that names no storage"),
        (b"(" + text(b"module") + b"ctorch\nFloatStorage\n" + text(b"") + text(b"") + b"tQ.", "names no storage"),
        (b"cos\x07\nsystem\n.", "'os\\x07.system'"),
        (b"cos\n" + b"x" * 400 + b"\n.", "'os.xxxxx"),
        (b"c\xff\nx\n.", "\\xff.x"),
    ],
)
def test_what_torch_would_refuse_is_unsafe(program: bytes, accusation: str) -> None:
    """Without a name, one sentence; names are shown without control characters."""
    machine = PickleMachine(program)
    machine.run()

    assert any(accusation in one for one in machine.unsafe), machine.unsafe


def test_state_dictionary_is_clean() -> None:
    """OrderedDict with attributes, filled one by one and together; a storage is remembered with its bytes."""
    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu") + b"K\x04tQ"
    machine = PickleMachine(ORDERED + NAME + storage + b"s(" + NAME + b"Nu}" + NAME + b"Nsb.")
    machine.run()

    assert (machine.unsafe, machine.storages) == ({}, {"0": 16})


def test_storage_with_two_sizes_is_refused() -> None:
    """As one that has less than nothing."""

    def storage(count: bytes) -> bytes:
        return b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu") + count + b"tQ"

    with pytest.raises(Broken, match="'0' has two sizes"):
        PickleMachine(storage(b"K\x01") + storage(b"K\x02")).run()
    with pytest.raises(Broken, match="less than none"):
        PickleMachine(storage(b"J\xff\xff\xff\xff")).run()
    with pytest.raises(Broken, match="as text"):
        PickleMachine(b"P7\n.").run()


def test_long_programs_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opcodes, values on the stack and in the memo are counted; names are listed only so far."""
    monkeypatch.setattr(pickle_machine, "MOST_VALUES", 100)
    for program in (b"N" * 200, b"N" + b"\x94" * 200, b"(" * 50 + b"N" * 200):
        with pytest.raises(Broken, match="more than 5000000 opcodes or 100 values"):
            PickleMachine(program).run()
    monkeypatch.setattr(pickle_machine, "MOST_OPCODES", 10)
    with pytest.raises(Broken, match="more than 10 opcodes"):
        PickleMachine(b"N0" * 200).run()
    monkeypatch.setattr(pickle_machine, "MOST_OPCODES", 1000)
    machine = PickleMachine(b"".join(b"cos\nx%d\n0" % number for number in range(100)) + b"N.")
    machine.run()

    assert len(machine.unsafe) == pickle_machine.MOST_UNSAFE


class _Anything:
    def __new__(cls, *_: object) -> Self:
        return object.__new__(cls)

    def __call__(self, *_: object) -> _Anything:
        return _Anything()

    def __setstate__(self, state: object) -> None:
        """Take any."""


class _Recorder(pickle._Unpickler):
    """CPython's unpickler, with every import replaced by a harmless class and noted."""

    def __init__(self, program: bytes) -> None:
        super().__init__(io.BytesIO(program))
        self.names: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as pickle has it
        self.names.add(f"{OLD_NAMES.get(module, module)}.{name}")
        return _Anything


PIECES = [
    *(POSIX, NAME, b"\x8c\x02os", b"S'popen'\n", b"Vsystem\n", b"K\x05", b"N", b"\x88", b"I01\n", b"]", b"}", b")"),
    *(b"(", b"(", b"0", b"1", b"2", b"\x94", b"q\x01", b"p2\n", b"r\x03\0\0\0", b"h\0", b"h\1", b"g2\n", b"j\3\0\0\0"),
    *(b"\x93", b"\x93", b"\x93", b"cos\nsystem\n", b"iposix\nsystem\n", b"o", b"R", b"\x81", b"\x92", b"b", b"t"),
    *(b"\x85", b"\x86", b"\x87", b"a", b"e", b"s", b"u", b"l", b"d", b"\x90", b"\x91", b"\x8f", b"C\x01x", b"\x80\x04"),
]


def test_random_programs_import_nothing_unseen() -> None:
    """Held against CPython's own unpickler: whatever it would import is named. 200,000 programs were tried once."""
    draw = random.Random(5)
    imported = 0
    for _ in range(4000):
        program = bytearray(b"".join(draw.choices(PIECES, k=draw.randrange(2, 25))) + b".")
        if draw.random() < 0.3:
            program[draw.randrange(len(program))] = draw.randrange(256)
        recorder, machine = _Recorder(bytes(program)), PickleMachine(bytes(program))
        for reader, errors in ((recorder.load, Exception), (machine.run, Broken)):
            with contextlib.suppress(errors):
                reader()
        imported += bool(recorder.names)
        seen = {ascii(name)[1:-1] for name in NAMES | machine.unsafe.keys()}

        assert {ascii(name)[1:-1] for name in recorder.names if name.isprintable()} <= seen, bytes(program)

    assert imported > 100
