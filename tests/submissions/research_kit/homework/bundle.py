import sys
import zipfile
from pathlib import Path


def wanted(inside: Path) -> bool:
    if any(part in ("__pycache__", "runs") or part.startswith("checkpoint-") for part in inside.parts):
        return False
    return inside.suffix in (".py", ".json", ".safetensors", ".bin", ".txt")


def bundle(homework: str, utid: str) -> None:
    top = Path(homework).resolve()
    with zipfile.ZipFile(f"{utid}.zip", "w", compression=zipfile.ZIP_DEFLATED) as z:
        for path in filter(Path.is_file, top.rglob("*")):
            if wanted(path.relative_to(top)):
                z.write(path, f"{top.name}/{path.relative_to(top).as_posix()}")


if __name__ == "__main__":
    bundle(sys.argv[1], sys.argv[2])
