"""A wrong input is explained in four parts."""

from __future__ import annotations

import pickle

from homework.errors import AdapterMissing, BadInput


def test_parts_become_one_paragraph_and_attributes() -> None:
    """Expected, got, where, what to do: in that order, in one line."""
    error = BadInput(expected="a folder", got="a file", where="x", action="choose another")

    assert str(error) == "Expected a folder, but got a file. Where: x. What to do: choose another."
    assert (error.expected, error.got, error.where, error.action) == ("a folder", "a file", "x", "choose another")


def test_error_survives_a_worker_process() -> None:
    """Pickling keeps class, text and parts."""
    error = AdapterMissing(expected="a", got="b", where="c", action="d")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(copy) is AdapterMissing
    assert (str(copy), copy.got) == (str(error), "b")
