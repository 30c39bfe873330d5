import zipfile
from pathlib import Path

BLACKLIST = ["__pycache__", ".pyc", ".ipynb", "grader", "events.out.tfevents", "optimizer.pt", "checkpoint-", "runs"]
MAXSIZE_MB = 50


def bundle(homework: str, utid: str):
    homework_dir = Path(homework).resolve()
    output_path = Path.cwd() / f"{utid}.zip"
    files = []
    for f in homework_dir.rglob("*"):
        name = str(f.relative_to(homework_dir))
        if f.is_file() and all(b not in name for b in BLACKLIST):
            files.append(f)
    print("\n".join(str(f.relative_to(homework_dir)) for f in files))
    with zipfile.ZipFile(output_path, "w", zipfile.ZIP_DEFLATED) as zf:
        for f in files:
            zf.write(f, homework_dir.stem / f.relative_to(homework_dir))
    size = output_path.stat().st_size / 1024 / 1024
    if size > MAXSIZE_MB:
        print(f"Warning: {size:.1f} MB is more than {MAXSIZE_MB} MB")


if __name__ == "__main__":
    from fire import Fire

    Fire(bundle)
