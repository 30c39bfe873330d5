import logging
import sys
import zipfile
from pathlib import Path

log = logging.getLogger(__name__)

SKIP = {"__pycache__", "runs", "trainer", ".ipynb_checkpoints"}
LIMIT_MB = 50


def main(package, utid):
    root = Path(package).resolve()
    target = root.parent / f"{utid}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root)
            if path.is_dir() or SKIP & set(inside.parts) or any(p.startswith("checkpoint-") for p in inside.parts):
                log.debug("left out: %s", inside)
                continue
            log.info("%s, %.1f kB", inside, path.stat().st_size / 1e3)
            archive.write(path, Path(root.name) / inside)
    size = target.stat().st_size / 1e6
    log.info("%s: %.1f MB", target, size)
    if size > LIMIT_MB:
        sys.exit(f"{target} has {size:.1f} MB, {LIMIT_MB} are allowed")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
