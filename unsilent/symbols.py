"""What the rules see of the engine: the kinds of things, the values they stand in, and what can be asked of a value.

    from .symbols import Const, Result, walk

The kinds are described in ``symbolic_things``, values in ``symbolic_values``; how code becomes values is nobody's
business but the reader's.
"""

from .symbolic_notes import Call, Choice, Guard, Site, Value
from .symbolic_things import (
    Class,
    Const,
    Function,
    Many,
    Object,
    Op,
    Outside,
    Part,
    Result,
    Table,
    Text,
    Thing,
    Unknown,
)
from .symbolic_values import calls_in, constant, constants, guarded, join, one, things, walk

__all__ = [
    "Call",
    "Choice",
    "Class",
    "Const",
    "Function",
    "Guard",
    "Many",
    "Object",
    "Op",
    "Outside",
    "Part",
    "Result",
    "Site",
    "Table",
    "Text",
    "Thing",
    "Unknown",
    "Value",
    "calls_in",
    "constant",
    "constants",
    "guarded",
    "join",
    "one",
    "things",
    "walk",
]
