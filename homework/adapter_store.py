"""Where adapters lie, how they are saved, and how they are loaded in the dtype they were trained in.

Saving is whole or not at all: everything is written to a folder beside the target, which is then renamed. Loading
never creates anything. The base and the dtype come from the manifest that training wrote beside the adapter, not
from whatever happens to be in a cache.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import AdapterMissing, OutputRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .base_llm import BaseLLM

ModelT = TypeVar("ModelT", bound="BaseLLM")

MANIFEST = "manifest.json"
CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
CURVE = "curve.png"
OWN_FILES = {MANIFEST, CONFIG, CURVE, *WEIGHTS, "README.md"}  # what saving writes, and so may replace
SCHEMA_VERSION = 1
LARGEST_HEADER = 100_000_000  # bytes; the limit that safetensors sets itself
PACKAGE = Path(__file__).resolve().parent


def locate(name: str) -> Path:
    """Turn an output or model name into a folder.

    With a separator it is relative to the current directory. A bare name is the one in the current directory if it
    exists there, else the one in this package; ``homework/homework`` cannot arise.
    """
    if not name.strip():
        raise OutputRefused(
            expected="a folder name", got="an empty one", where="output or model path", action="name a folder"
        )
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser raises for an unknown user
    bare = len(path.parts) == 1 and os.sep not in name and name not in (".", "..")
    try:
        return PACKAGE / path if bare and not path.exists() else path
    except OSError as error:
        raise OutputRefused(
            expected="a name that the file system takes",
            got=error.strerror or str(error),
            where=f"{name[:60]}...",
            action="choose a shorter name",
        ) from error


def weights_in(folder: Path) -> list[Path]:
    """List the weight files of an adapter folder, in the order in which PEFT would read them."""
    return [folder / name for name in WEIGHTS if (folder / name).is_file()]


def claim_output(folder: Path, *, overwrite: bool) -> None:
    """Make sure, before hours of training, that the adapter can be saved to ``folder`` at their end.

    Raises:
        OutputRefused: It is a file, cannot be written, or holds a trained adapter and ``overwrite`` was not given.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputRefused(
            expected="a folder, or a name that is free",
            got="a file",
            where=str(folder),
            action="choose another --output_dir",
        )
    foreign = sorted(entry.name for entry in folder.iterdir() if entry.name not in OWN_FILES) if folder.exists() else []
    if foreign:
        raise OutputRefused(
            expected="a folder that holds an adapter, or nothing",
            got=f"one with other things in it ({', '.join(foreign[:5])})",
            where=str(folder),
            action="choose another --output_dir: saving replaces the whole folder",
        )
    if weights_in(folder) and not overwrite:
        raise OutputRefused(
            expected="a folder without a trained adapter",
            got=f"one that holds {weights_in(folder)[0].name}",
            where=str(folder),
            action="choose another --output_dir, or add --overwrite to replace it when the new one is whole",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".probe-"):
            pass
        if folder.exists():
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise OutputRefused(
            expected="a folder that can be written",
            got=error.strerror or str(error),
            where=str(folder),
            action="choose another --output_dir, or change its permissions",
        ) from error


def save_adapter(model: Any, folder: Path, manifest: Mapping[str, object], extra: Mapping[str, bytes]) -> None:  # noqa: ANN401 - a PEFT model, whose import costs seconds
    """Write adapter, ``extra`` files and manifest beside ``folder``, then rename: whole or not at all.

    Args:
        model: PEFT model; its adapter is saved as safetensors.
        folder: Target; what it held before is gone only when the new one is in its place.
        manifest: What the run chose, and why; written last.
        extra: Further files by name, such as the plot of the run.
    """
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        made = scratch / "new"
        # the adapter leaves the embeddings alone; without this PEFT looks the base up on the hub to make sure
        model.save_pretrained(made, save_embedding_layers=False)
        for name, content in extra.items():
            (made / name).write_bytes(content)
        text = json.dumps({"schema_version": SCHEMA_VERSION, **manifest}, indent=2)
        (made / MANIFEST).write_text(text + "\n", encoding="utf-8")
        readable = (made / MANIFEST).stat().st_mode  # safetensors writes files that only their owner can read
        for path in made.iterdir():
            path.chmod(readable)
        if folder.exists():
            folder.rename(scratch / "old")
        try:
            made.rename(folder)
        except OSError:
            with contextlib.suppress(OSError):
                (scratch / "old").rename(folder)
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def find_adapter(name: str, *, command: str) -> Path:
    """Return the folder of a complete adapter, or say what was looked for and what is there.

    Args:
        name: Bare name or path, see ``locate``.
        command: The command that trains one, for the message.

    Raises:
        AdapterMissing: Folder, configuration or weights are missing. Nothing is created.
    """
    folder = locate(name)
    complete = (folder / CONFIG).is_file() and weights_in(folder)
    if not complete:
        there = "no such folder"
        if folder.is_dir():
            there = "a folder with " + (
                ", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "nothing in it"
            )
        raise AdapterMissing(
            expected=f"a trained adapter: {CONFIG} and {' or '.join(WEIGHTS)}",
            got=there,
            where=str(folder),
            action=f"train one: {command}",
        )
    return folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what training wrote beside the adapter; empty for an adapter without a manifest.

    Raises:
        AdapterMissing: The manifest is there but cannot be used.
    """
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _bad_manifest(folder, f"one that cannot be read ({error})") from error
    match content:
        case {"schema_version": 1, "base": {"name": str()}, "dtype": {"base": str()}}:
            return dict(content)
    raise _bad_manifest(folder, "one of another schema, or without base and dtype")


def _bad_manifest(folder: Path, got: str) -> AdapterMissing:
    return AdapterMissing(
        expected=f"a manifest of schema {SCHEMA_VERSION} with the base's name and dtype",
        got=got,
        where=str(folder / MANIFEST),
        action="train the adapter again, or load it with the version that wrote it",
    )


def _base_in_config(folder: Path) -> str | None:
    """Name the base that PEFT's own configuration names."""
    try:
        return str(json.loads((folder / CONFIG).read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdapterMissing(
            expected=f"an {CONFIG} that names the base",
            got=f"one that cannot be used ({type(error).__name__})",
            where=str(folder / CONFIG),
            action="train the adapter again",
        ) from error


def _dtype_of_tensors(folder: Path) -> str:
    """Read the dtype of the first tensor from the header of a safetensors file; fp32 where there is no header."""
    try:
        with (folder / WEIGHTS[0]).open("rb") as file:
            header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), LARGEST_HEADER)))
        found = {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "fp32"
    return {"BF16": "bf16", "F16": "fp16"}.get(min(found, default=""), "fp32")


@contextlib.contextmanager
def quiet_peft() -> Iterator[None]:
    """Keep one warning from the user: PEFT 0.21 reads an attribute that transformers 5.23 has renamed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        yield


def load_adapted(model_class: type[ModelT], folder: Path) -> ModelT:
    """Load a base model with the adapter in ``folder`` on it, for answers only.

    Base and dtype are those of the manifest. Without one, the base is the one named in the adapter's configuration, the
    dtype that of its tensors, and this is said.

    Raises:
        AdapterMissing: Configuration, manifest or weights cannot be used.
        BaseModelMissing: The base could not be had.
    """
    from peft import PeftModel  # noqa: PLC0415 - finding an adapter needs no PEFT

    manifest = read_manifest(folder)
    if manifest:
        llm = model_class(manifest["base"]["name"], dtype=manifest["dtype"]["base"])
    else:
        llm = model_class(_base_in_config(folder), dtype=_dtype_of_tensors(folder))
        print(f"{folder}: no {MANIFEST}; taking {llm.checkpoint} in {llm.model.dtype}", file=sys.stderr)
    try:
        with quiet_peft():
            adapted = PeftModel.from_pretrained(llm.model, str(folder), is_trainable=False)
    except Exception as error:  # PEFT, safetensors and torch each raise their own
        raise AdapterMissing(
            expected="an adapter that loads",
            got=f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else 'no details'}",
            where=f"{folder}, on {llm.checkpoint.name}",
            action="train it again, or name the base it was trained on",
        ) from error
    llm.model = adapted.to(llm.device).eval()
    return llm
