"""What is noted says where it stands."""

from __future__ import annotations

import ast

from unsilent.sources import Source
from unsilent.symbolic_notes import Frame


def test_frame_knows_its_module() -> None:
    """Through functions in functions."""
    module = Frame(Source("a.py", "a", ast.parse(""), (), is_package=False))
    inner = Frame(module.source, outer=Frame(module.source, outer=module))

    assert inner.module is module
    assert module.module is module
