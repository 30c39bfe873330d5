"""python -m hw_llm.submit hw_llm UTID"""
import fnmatch
import sys
import zipfile
from pathlib import Path

# caches, tensorboard, intermediate checkpoints, editor droppings
LEAVE_OUT = ["*__pycache__*", "*/runs/*", "*checkpoint-*", "*/data/*", "*/.*", "*/env/*", "*.pt"]
LIMIT = 50 * 1024 * 1024


def left_out(name):
    return any(fnmatch.fnmatch(name, pattern) for pattern in LEAVE_OUT)


def collect(package):
    package = Path(package).resolve()
    for item in package.rglob("*"):
        if item.is_file() and not left_out(item.as_posix()):
            yield item, item.relative_to(package.parent)


def main(package, utid):
    out = Path(f"{utid}.zip").absolute()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for source, name in collect(package):
            z.write(source, name)
            print("+", name)
    if out.stat().st_size > LIMIT:
        print("warning: too large for the upload")


if __name__ == "__main__":
    main(*sys.argv[1:3])
