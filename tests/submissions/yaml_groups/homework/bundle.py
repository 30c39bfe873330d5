import sys
import zipfile
from pathlib import Path

DROP = ("__pycache__", "checkpoint-", "optimizer", "outputs", "multirun")


def main(folder: str, utid: str) -> None:
    root = Path(folder).resolve()
    with zipfile.ZipFile(f"{utid}.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for f in sorted(root.rglob("*")):
            rel = f.relative_to(root)
            if f.is_file() and not any(part.startswith(DROP) for part in rel.parts):
                z.write(f, str(root.name / rel))


if __name__ == "__main__":
    main(*sys.argv[1:])
