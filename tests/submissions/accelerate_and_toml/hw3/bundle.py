import sys
import zipfile
from pathlib import Path

WITHOUT = {"__pycache__", "wandb", "optimizer.bin", "random_states_0.pkl"}


def bundle(folder, utid):
    root = Path(folder).resolve()
    with zipfile.ZipFile(f"{utid}.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for f in sorted(root.rglob("*")):
            name = f.relative_to(root)
            if f.is_file() and WITHOUT.isdisjoint(name.parts):
                z.write(f, root.name / name)


if __name__ == "__main__":
    bundle(*sys.argv[1:])
