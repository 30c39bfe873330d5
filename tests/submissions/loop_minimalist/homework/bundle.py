import sys
import zipfile
from pathlib import Path

KEEP = {".py", ".json", ".safetensors", ".md"}


def bundle(folder, utid):
    folder = Path(folder)
    with zipfile.ZipFile(f"{utid}.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for f in folder.rglob("*"):
            # a list of what belongs in, instead of one of what does not
            if f.suffix in KEEP and not any(p.startswith("checkpoint-") for p in f.relative_to(folder).parts):
                z.write(f, Path(folder.resolve().name, f.relative_to(folder)))


if __name__ == "__main__":
    bundle(*sys.argv[1:])
