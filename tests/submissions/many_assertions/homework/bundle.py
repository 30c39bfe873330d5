import zipfile
from pathlib import Path

BLACKLIST = ["__pycache__", ".pyc", ".ipynb", "grader", "events.out.tfevents", "checkpoint-"]
MAXSIZE_MB = 50


def bundle(homework: str, utid: str):
    """
    Usage: python3 -m homework.bundle homework <utid>
    """
    homework_dir = Path(homework).resolve()
    output_path = Path(__file__).parent.parent / f"{utid}.zip"
    files = [f.relative_to(homework_dir) for f in homework_dir.rglob("*") if f.is_file()]
    files = [f for f in files if all(b not in str(f) for b in BLACKLIST)]
    assert any(f.name == "adapter_config.json" for f in files), "no adapter in the bundle"

    with zipfile.ZipFile(output_path, "w", zipfile.ZIP_DEFLATED) as zf:
        for f in files:
            zf.write(homework_dir / f, homework_dir.name / f)

    output_size_mb = output_path.stat().st_size / 1024 / 1024
    assert output_size_mb <= MAXSIZE_MB, f"{output_size_mb:.1f} MB"
    print(f"{len(files)} files, {output_size_mb:.1f} MB -> {output_path}")


if __name__ == "__main__":
    from fire import Fire

    Fire(bundle)
