"""The ``TrainingArguments`` that Trainer leaves in each checkpoint, as plain values; nothing in the file is run.

``training_args.bin`` is a pickle in a zip, and a pickle is a program. Here every class and function that it names is
replaced by one that does nothing but keep what it is given: there is nothing left that a program could call. Source:
``Trainer._save`` of transformers, ``torch.save``.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "training_args.bin"
MOST_BYTES = 1_000_000  # transformers' own are 5 kB; a dictionary of somebody's in them may be longer


class _Inert:
    """Stands for whatever a pickle names: keeps its arguments and its attributes."""

    arguments: tuple[object, ...] = ()

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __setstate__(self, state: object) -> None:
        """Take attributes as they come."""
        self.state = state


class _Reader(pickle._Unpickler):  # noqa: SLF001 - in Python: its memo cannot be blown up
    """Knows no name but one."""

    # A buffer of any length can be asked for in nine bytes.
    dispatch: ClassVar[dict[int, Any]] = {
        code: read for code, read in pickle._Unpickler.dispatch.items() if code != pickle.BYTEARRAY8[0]  # noqa: SLF001
    }  # fmt: skip

    def find_class(self, module: str, name: str) -> type[_Inert]:  # noqa: ARG002 - whatever it is
        """Never the real one."""
        return _Inert

    def persistent_load(self, pid: object) -> None:
        """No tensor."""


def read_arguments(checkpoint: Path) -> Mapping[str, Any]:
    """The arguments that a checkpoint was written under: texts, numbers and truths; enumerations by their value.

    Returns:
        Empty where there is no such file, or one that tells nothing. Nothing in the file makes this raise.
    """
    try:
        with zipfile.ZipFile(checkpoint / NAME) as archive:
            entry = next(one for one in archive.infolist() if one.filename.rpartition("/")[2] == "data.pkl")
            with archive.open(entry) as stream:
                blob = stream.read(MOST_BYTES)
        state = getattr(_Reader(io.BytesIO(blob)).load(), "state", None)
        values = {str(name): _plain(value) for name, value in state.items()} if isinstance(state, dict) else {}
    except Exception:  # noqa: BLE001 - a file that is missing, of another form, or broken on purpose
        return {}
    return {name: value for name, value in values.items() if value is not _UNKNOWN}


_UNKNOWN = object()


def _plain(value: object) -> object:
    """An enumeration's member is written as its class, called with its value."""
    if isinstance(value, _Inert) and len(value.arguments) == 1:
        value = value.arguments[0]
    return value if value is None or isinstance(value, str | bool | int | float) else _UNKNOWN
