"""What PEFT would make of an adapter's keys and shapes on a given base, found out without a single weight.

The base's ``config.json`` is enough: a process of its own (``base_script``) builds the architecture and the adapter on
torch's meta device and lets PEFT load tensors that have shapes and no values. Nothing is fetched, no code of the base
is run, and no path that the adapter's configuration names is followed. What is delivered are facts; whether they are a
failure is judged elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    Shape = tuple[int, ...]

CONFIG = "config.json"
SCRIPT = Path(__file__).with_name("base_script.py")
LARGEST_CONFIG = 10_000_000  # bytes; a base's configuration has a few kB, one with a large label map some 100 kB
# Measured on two cores: 4 s and 0.4 GB for a tiny base as for the shape of Llama-3-8B, nearly all of it the import of
# torch, transformers and PEFT, which takes several times as long from a cold disk.
LIMIT = 120  # seconds
MEMORY = 4_000_000_000  # bytes of the child's own data; libraries it maps are not counted
# What the child sees of the environment: how to find shared libraries and the home folder, no tokens and no proxies.
KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP")
ADDED = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "CUDA_VISIBLE_DEVICES": "",  # no context is made on a device that others work on
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True)
class BaseComparison:
    """An adapter held against a base: what the file lacks, what would be dropped, what has another shape."""

    complaint: str = ""
    """Why there is no comparison; empty where there is one."""
    refused: str = ""
    """What PEFT refuses, where that is the complaint: ``configuration``, whatever the base, or ``base``."""
    missing: tuple[str, ...] = ()
    """Keys, as on disk, that this configuration has on this base, and the file has not."""
    unexpected: tuple[str, ...] = ()
    """Keys on disk that PEFT would drop."""
    mismatched: Mapping[str, tuple[Shape, Shape]] = field(default_factory=dict)
    """By key: the shape on disk and the one that this configuration has on this base."""
    modules: tuple[str, ...] = ()
    """Paths of the modules and parameters of the base that get an adapter."""
    layers: int = 0
    parameters: int = 0
    """Of the base alone; tied weights count once."""
    adapted_parameters: int = 0
    """Of base and adapter together."""
    config_sha256: str = ""
    """Of the bytes of the base's ``config.json``, as a manifest has it."""
    name: str = ""
    """What the base's configuration says it is called, where it does."""
    architecture: str = ""
    """The class that the base was built as."""
    assumed: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """What the user must state when loading (``vocab_size``, ``num_labels``): the file's number and the base's own."""


def compare_with_base(base: Path, config: Mapping[str, object], shapes: Mapping[str, Shape]) -> BaseComparison:
    """Hold an adapter's configuration and the shapes of its tensors against a base.

    Args:
        base: A folder; of what lies in it, ``config.json`` alone is read.
        config: What ``adapter_config.json`` holds; may be hostile.
        shapes: By key, as on disk.

    Returns:
        The facts, or a complaint; nothing that base or adapter hold makes it raise.
    """
    try:
        blob = _read(base / CONFIG)
        content = json.loads(blob)
        if not isinstance(content, dict):
            return BaseComparison(f"{base / CONFIG} holds no object")
    except (OSError, ValueError, RecursionError) as error:
        return BaseComparison(f"{base / CONFIG} cannot be read ({_words(error)})")
    sha256, name = hashlib.sha256(blob).hexdigest(), str(content.get("_name_or_path") or "")
    limits = {"seconds": LIMIT, "bytes": MEMORY}
    try:
        question = json.dumps({"base": content, "adapter": dict(config), "shapes": dict(shapes), "limits": limits})
    except (TypeError, ValueError, RecursionError) as error:
        found: dict[str, Any] = {"complaint": f"the adapter's configuration is no JSON ({_words(error)})"}
    else:
        found = _ask(question)
    return BaseComparison(
        complaint=found.get("complaint", ""),
        refused=found.get("refused", ""),
        missing=tuple(found.get("missing", ())),
        unexpected=tuple(found.get("unexpected", ())),
        mismatched={key: (tuple(got), tuple(due)) for key, (got, due) in found.get("mismatched", {}).items()},
        modules=tuple(found.get("modules", ())),
        layers=found.get("layers", 0),
        parameters=found.get("parameters", 0),
        adapted_parameters=found.get("adapted_parameters", 0),
        config_sha256=sha256,
        name=name,
        architecture=found.get("architecture", ""),
        assumed={key: (got, own) for key, (got, own) in found.get("assumed", {}).items()},
    )


def _read(path: Path) -> bytes:
    """Read a configuration that is an ordinary file of a size a configuration has; a link to one is followed."""
    there = path.stat()
    if not stat.S_ISREG(there.st_mode) or there.st_size > LARGEST_CONFIG:  # a FIFO would be waited for
        raise ValueError(f"no ordinary file of at most {LARGEST_CONFIG} bytes")
    return path.read_bytes()


def _ask(question: str) -> dict[str, Any]:
    """Start the script, hand it the question, and take its answer; a complaint where it gives none in time."""
    environment = {name: value for name, value in os.environ.items() if name in KEPT} | ADDED
    try:
        with subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-I", str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
            text=True,
            encoding="utf-8",
        ) as child:
            try:
                answer, _ = child.communicate(question, timeout=LIMIT)
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
        found: dict[str, Any] = json.loads(answer)
    except subprocess.TimeoutExpired:
        return {"complaint": f"it took more than {LIMIT} s, as some regular expressions would"}
    except OSError as error:
        return {"complaint": f"the process that compares could not be started ({_words(error)})"}
    except ValueError:
        return {"complaint": f"the process that compares ended with status {child.returncode} and no answer"}
    return found


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]
