"""Run in a process of its own: ``python -I pickle_script.py FILE TARGET CPU_SECONDS DATA_BYTES FILE_BYTES``.

Reads the tensors of a pickle with torch's weights-only reader and writes them as safetensors; prints nothing, or one
sentence that says why not. It imports nothing of ``unsilent``: nothing of the process that judges is in this one.
"""

from __future__ import annotations

import sys

MOST_GROWTH = 4  # times the file's size: tied weights are written once for each name
FREE_GROWTH = 16_000_000  # bytes; small files may grow more
OPEN_FILES = 64  # torch opens a handful


def limit(cpu_seconds: int, data_bytes: int, file_bytes: int) -> None:  # pragma: no cover - runs in a child
    """Bound this process before anything foreign is read; where there are no such limits only the parent's clock is."""
    try:
        import resource
    except ImportError:
        return
    for kind, most in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_DATA, data_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)  # noqa: PLW2901 - never above what holds
        resource.setrlimit(kind, (most, most))


def forbid(target: str) -> None:  # pragma: no cover - runs in a child
    """No Python code of this process starts another, opens a connection, or writes any file but the target."""
    import os

    never = (
        *("subprocess.", "socket.", "shutil.", "ctypes.dlopen"),
        *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename", "os.mkdir", "os.rmdir"),
        *("os.link", "os.symlink", "os.chmod", "os.truncate"),
    )

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event.startswith(never) or (writes and arguments[0] not in (target, os.devnull)):
            raise PermissionError(f"{event} while tensors were read")

    sys.addaudithook(watch)


def convert(source: str, target: str) -> str:  # pragma: no cover - runs in a child
    """Read, check, write; a sentence where the file holds something else than tensors under names."""
    import warnings
    from pathlib import Path

    try:
        import safetensors.torch
        import torch
    except ImportError as error:
        return f"reading a pickle needs torch and safetensors ({error})"
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    forbid(target)
    with Path(source).open("rb") as file:
        # A path is mapped, where torch can; one that is named as what it is not would be read as what it is named.
        mapped = file.read(4) == b"PK\3\4" and not source.endswith(".safetensors")
        file.seek(0)
        found = torch.load(source if mapped else file, map_location="cpu", weights_only=True, mmap=mapped)
    if not isinstance(found, dict):
        return f"it holds a {type(found).__name__}, not tensors under names"
    for name, value in found.items():
        if not isinstance(name, str) or name == "__metadata__":
            return f"{name!a:.200} is no name of a tensor"
        if type(value) not in (torch.Tensor, torch.nn.Parameter):
            return f"{name!a:.200} is a {type(value).__name__}, not a tensor"
        if value.layout != torch.strided or value.is_quantized or value.is_nested or value.device.type != "cpu":
            return f"{name!a:.200} is no dense tensor with values ({value.layout}, {value.dtype}, {value.device})"
        if value.is_conj() or value.is_neg():
            return f"{name!a:.200} is a view that says other numbers than its bytes"
    total = sum(value.numel() * value.element_size() for value in found.values())
    size = Path(source).stat().st_size
    if total > MOST_GROWTH * size + FREE_GROWTH:
        return f"tensors of {total} bytes in a file of {size}: far more than it holds"
    seen: set[int] = set()
    tensors = {}
    for name, value in found.items():
        tensor = value.detach().contiguous()
        storage = tensor.untyped_storage()
        alone = storage.data_ptr() not in seen and storage.nbytes() == tensor.numel() * tensor.element_size()
        seen.add(storage.data_ptr())
        tensors[name] = tensor if alone else tensor.clone()
    safetensors.torch.save_file(tensors, target, metadata={"format": "pt"})
    return ""


def attempt(source: str, target: str) -> str:  # pragma: no cover - runs in a child
    """Convert; whatever is raised becomes a sentence, without torch's advice to read the file unsafely."""
    try:
        return convert(source, target)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is said in one sentence
        text = str(error).rpartition("WeightsUnpickler error: ")[2].strip()
        return f"torch cannot read it: {text.splitlines()[0] if text else type(error).__name__}"


def main() -> None:  # pragma: no cover - runs in a child
    """Print what is wrong, if anything, as ASCII."""
    source, target, *limits = sys.argv[1:]
    limit(*map(int, limits))
    print(ascii(attempt(source, target)[:500])[1:-1])


if __name__ == "__main__":
    main()
