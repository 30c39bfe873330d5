import zipfile
from pathlib import Path

from .settings import ROOT

EXCLUDED_DIRS = frozenset({"__pycache__", "runs", ".ipynb_checkpoints"})


def members(top: Path):
    for path in sorted(top.rglob("*")):
        inside = path.relative_to(top)
        if path.is_file() and EXCLUDED_DIRS.isdisjoint(inside.parts) and path.suffix not in {".pyc", ".pt", ".zip"}:
            yield path, inside


def bundle(homework: str = str(ROOT), utid: str = "submission") -> None:
    top = Path(homework).resolve()
    with zipfile.ZipFile(Path.cwd() / f"{utid}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, inside in members(top):
            archive.write(path, Path(top.name) / inside)


if __name__ == "__main__":
    from fire import Fire

    Fire(bundle)
