import fnmatch
import zipfile
from pathlib import Path

DROP = ("*/__pycache__/*", "*.pyc", "scripts/*", "*/checkpoint-*", "*.ipynb")


def bundle(homework: str, utid: str):
    top = Path(homework).resolve()
    with zipfile.ZipFile(utid + ".zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in top.rglob("*"):
            inside = path.relative_to(top).as_posix()
            if path.is_file() and not any(fnmatch.fnmatch(inside, d) or fnmatch.fnmatch("/" + inside, d) for d in DROP):
                archive.write(path, f"{top.name}/{inside}")


if __name__ == "__main__":
    from fire import Fire

    Fire(bundle)
