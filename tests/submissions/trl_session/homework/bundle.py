import sys
import zipfile
from pathlib import Path

LEAVE = ("__pycache__", "checkpoint-*", "*.pyc", "runs", "training_args.bin", "optimizer.pt")


def bundle(folder, utid):
    root = Path(folder).resolve()
    with zipfile.ZipFile(f"{utid}.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for f in sorted(root.rglob("*")):
            inside = f.relative_to(root)
            if f.is_dir() or any(Path(part).match(p) for part in inside.parts for p in LEAVE):
                continue
            z.write(f, root.name / inside)


if __name__ == "__main__":
    bundle(*sys.argv[1:])
