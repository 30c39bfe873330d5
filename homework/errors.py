"""What a person is told when the input is wrong.

Every error a user can cause names four things in one order: what was expected, what was found, where, and what
to do next. The parts stay readable as attributes, so tests and tools need not parse the sentence.
"""

from __future__ import annotations


class BadInput(Exception):
    """Input that cannot be used; ends a command with exit status 2 and one paragraph, never a traceback.

    Subclasses are named after the condition.
    """

    def __init__(self, *, expected: str, got: str, where: str, action: str) -> None:
        """Keep the four parts as attributes and join them to one paragraph."""
        super().__init__(f"Expected {expected}, but got {got}. Where: {where}. What to do: {action}.")
        self.expected = expected
        self.got = got
        self.where = where
        self.action = action

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip from a worker process, which keyword-only arguments would not."""
        return _rebuild, (type(self), self.__dict__.copy())


def _rebuild(cls: type[BadInput], parts: dict[str, str]) -> BadInput:
    return cls(**{name: parts[name] for name in ("expected", "got", "where", "action")})


class AdapterMissing(BadInput):
    """No trained adapter where one was asked for. Nothing is created in its place."""


class AdapterRefused(BadInput):
    """An adapter that is there, but whose loading would give something else than what was trained."""


class BaseModelMissing(BadInput):
    """No base model could be had, by any of the ways."""


class BundleRefused(BadInput):
    """Something that is not handed in: no package, not what the gate has passed, or a zip that works only here."""


class DatasetUnreadable(BadInput):
    """A data set that is missing, empty, not JSON, or has a malformed row."""


class DeviceTooSmall(BadInput):
    """A device without the memory for what was asked of it."""


class OptionInvalid(BadInput):
    """An option or environment variable with a value that cannot be used."""


class OutputRefused(BadInput):
    """An output folder that cannot be written, or that holds something trained."""


class PrecisionUnavailable(BadInput):
    """A dtype was wished for that this device does not have."""


class RowsUnusable(BadInput):
    """Rows that cannot be trained on: empty, or cut before their first supervised token."""


class RunRefused(BadInput):
    """An unfinished run that cannot be gone on with, or that beginning anew would lose."""


class TrainingFailed(BadInput):
    """A run that ended without a usable adapter."""
