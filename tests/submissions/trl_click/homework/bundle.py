import fnmatch
import zipfile
from pathlib import Path

import click

LIMIT_MB = 50
LEAVE_OUT = ("__pycache__", "checkpoint-*", "runs", "grader", "*.pt", "optimizer*", "events.out*", ".*")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("utid")
def main(folder, utid):
    """Only names below FOLDER are matched, so the zip is the same wherever the folder lies."""
    root = folder.resolve()
    target = Path.cwd() / f"{utid.lower()}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
        for file in sorted(p for p in root.rglob("*") if p.is_file()):
            inside = file.relative_to(root)
            if any(fnmatch.fnmatch(part, pattern) for part in inside.parts for pattern in LEAVE_OUT):
                continue
            z.write(file, Path(root.name) / inside)
    size = target.stat().st_size / 2**20
    click.echo(f"{target} {size:.1f} MB")
    if size > LIMIT_MB:
        raise click.ClickException(f"more than {LIMIT_MB} MB")


if __name__ == "__main__":
    main()
