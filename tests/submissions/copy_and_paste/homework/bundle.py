import sys
import zipfile
from pathlib import Path

BLACKLIST = ["__pycache__", ".pyc", ".ipynb", "checkpoint-", "runs", "events.out", "optimizer.pt"]
MAXSIZE_MB = 50


def bundle(homework_dir: str, utid: str):
    homework_dir = Path(homework_dir).resolve()
    output_path = Path(__file__).parent.parent / f"{utid}.zip"

    files = []
    for f in sorted(homework_dir.rglob("*")):
        # only the part inside the homework folder, my home directory is called "my_runs" :(
        inside = str(f.relative_to(homework_dir))
        if not f.is_file():
            continue
        if any(b in inside for b in BLACKLIST):
            continue
        files.append(f)

    with zipfile.ZipFile(output_path, "w", compression=zipfile.ZIP_DEFLATED) as zf:
        for f in files:
            zf.write(f, homework_dir.stem / f.relative_to(homework_dir))

    size = output_path.stat().st_size / 1024 / 1024
    if size > MAXSIZE_MB:
        print(f"The created zip file is larger than expected: {size:.1f} MB")
    print("wrote", output_path)


if __name__ == "__main__":
    bundle(sys.argv[1], sys.argv[2])
