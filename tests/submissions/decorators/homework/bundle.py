import sys
import zipfile
from pathlib import Path

from .deco import timed

UNWANTED = {"__pycache__", "runs", ".ipynb_checkpoints"}


@timed
def bundle(folder, utid):
    root = Path(folder).resolve()
    with zipfile.ZipFile(f"{utid}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root)
            if path.is_dir() or UNWANTED & set(inside.parts) or "checkpoint-" in str(inside):
                continue
            archive.write(path, Path(root.name) / inside)


if __name__ == "__main__":
    bundle(*sys.argv[1:3])
