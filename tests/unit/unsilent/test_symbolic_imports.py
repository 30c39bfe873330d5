"""Names arrive from the modules that they are imported from."""

from __future__ import annotations

from pathlib import Path

import snippets

from unsilent.sources import find_sources
from unsilent.symbolic_statements import Reader


def test_imports(tmp_path: Path) -> None:
    """Relative, absolute, starred, circular and below a package: names arrive, foreign ones stay foreign."""
    code = """
# file: pkg/__init__.py
from .a import *
from . import b
from .c import missing
def __getattr__(name):
    return name + "!"
# file: pkg/a.py
from .b import later
one = 1
_hidden = 2
# file: pkg/b.py
from . import a
from pkg.deep.er import two
import pkg.a as again, json.decoder
later = 3
def use():
    return [a.one, again.one, two, json.decoder.x]
# file: pkg/c.py
# file: pkg/deep/__init__.py
# file: pkg/deep/er.py
from ..a import one as two
from ... import nothing
# file: sft.py
import importlib, pkg
from pkg import b, one, unheard
import pkg.b as whole
def load():
    return [b.use(), one, unheard, whole.later, importlib.import_module("pkg.a").one, importlib.import_module("numpy")]
"""
    (said,) = snippets.told(snippets.value_of(tmp_path, code))

    assert said == "[[1, 1, 1, Outside json.decoder.x], 1, 'unheard!', 3, 1, Outside numpy]"


def test_package_that_imports_its_modules_is_read_once(tmp_path: Path) -> None:
    """Whoever imports a module first reads its package, which may read the module itself."""
    code = "# file: __init__.py\nask('root')\n# file: pkg/__init__.py\nfrom . import a\n# file: pkg/a.py\nask('read')\n# file: sft.py\nimport pkg.a\ndef load(): return pkg.a\n"
    snippets.write(tmp_path, code, prelude=snippets.GIVEN)
    reader = Reader(find_sources(tmp_path))
    reader.import_module(reader.tree.sources["pkg.a"])

    assert [call.name for call in reader.calls] == ["peft.ask", "peft.ask"]
