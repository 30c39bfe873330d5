import sys
import zipfile
from pathlib import Path

LEFT_OUT = {"__pycache__", "grader", "runs", "optimizer.pt", "training_args.bin"}


def main(folder: str, utid: str):
    root = Path(folder).resolve()
    with zipfile.ZipFile(f"{utid}.zip", "w", compression=zipfile.ZIP_DEFLATED) as out:
        for path in root.rglob("*"):
            inside = path.relative_to(root)
            if path.is_file() and not LEFT_OUT & set(inside.parts):
                out.write(path, root.name / inside)


if __name__ == "__main__":
    main(*sys.argv[1:])
