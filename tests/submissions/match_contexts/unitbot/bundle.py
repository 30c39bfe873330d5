"""python -m unitbot.bundle unitbot UTID"""
import sys
import zipfile
from pathlib import Path

SKIP_PARTS = {"__pycache__", "runs", ".git", "wandb"}
SKIP_NAMES = ("checkpoint-", "optimizer.pt", "events.out")


def wanted(relative):
    return not SKIP_PARTS & set(relative.parts) and not any(s in p for p in relative.parts for s in SKIP_NAMES)


def main(package, utid):
    root = Path(package).resolve()
    with zipfile.ZipFile(f"{utid}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            inner = path.relative_to(root.parent)
            if path.is_file() and wanted(inner):
                archive.write(path, inner)
    size = Path(f"{utid}.zip").stat().st_size / 1e6
    print(f"{size:.1f} MB" + (" - TOO LARGE, the limit is 50 MB" if size > 50 else ""))


if __name__ == "__main__":
    main(*sys.argv[1:])
