"""The script stands alone; what it does is tested where it is run, in test_pickled_tensors."""

from __future__ import annotations

import ast
from pathlib import Path

from unsilent import pickle_script


def test_script_imports_nothing_of_ours() -> None:
    """It runs isolated, where ``unsilent`` may not even be importable."""
    tree = ast.parse(Path(pickle_script.__file__).read_text())
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    found = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    found |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}

    assert found <= {"__future__", "sys", "os", "resource", "warnings", "pathlib", "torch", "safetensors.torch"}
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in nodes)
