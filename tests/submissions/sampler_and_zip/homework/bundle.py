"""python -m homework.bundle homework UTID"""
import sys
import zipfile
from pathlib import Path

UNWANTED = ["__pycache__", "grader", "checkpoint-", ".git", "runs", "tmp", ".ipynb"]
LIMIT = 50 * 2**20


def unwanted(path):
    return any(word in str(path) for word in UNWANTED)


def bundle(folder, utid):
    top = Path(folder).resolve()
    files = [f for f in top.rglob("*") if f.is_file() and not unwanted(f)]
    target = Path(f"{utid}.zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for f in files:
            archive.write(f, Path(top.name) / f.relative_to(top))
    size = target.stat().st_size
    print(f"{len(files)} files, {size / 2**20:.1f} MB in {target}")
    if size > LIMIT:
        print("Warning: too large!")


if __name__ == "__main__":
    bundle(*sys.argv[1:3])
