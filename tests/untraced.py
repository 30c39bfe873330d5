"""Work of the tests themselves, such as teaching a tiny model, without a line of it being traced for coverage.

Tracing makes torch's many small Python calls take more than twice as long, and training to prepare a test proves
nothing about the lines it runs: their own tests do.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def untraced() -> Iterator[None]:
    """Stop coverage, where it is at work in this thread, and let it go on afterwards; also as a decorator."""
    coverage: Any = sys.modules.get("coverage")
    running = coverage.Coverage.current() if coverage and sys.gettrace() else None
    if running is None:
        yield
        return
    running.stop()
    try:
        yield
    finally:
        running.start()
