import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

SKIP = {"__pycache__", "tests", "logs"}


def keep(relative):
    return SKIP.isdisjoint(relative.parts) and not any(p.startswith("checkpoint-") for p in relative.parts)


def bundle(folder, utid):
    root = Path(folder).absolute()
    members = [(f, f.relative_to(root)) for f in sorted(root.rglob("*")) if f.is_file()]
    with ZipFile(f"{utid}.zip", "w", ZIP_DEFLATED) as z:
        for file, relative in filter(lambda m: keep(m[1]), members):
            z.write(file, str(Path(root.name, relative)))


if __name__ == "__main__":
    bundle(*sys.argv[1:])
