import asyncio
import sys
import zipfile
from pathlib import Path


async def bundle(folder, utid):
    root = Path(folder)
    files = [f for f in sorted(root.rglob("*")) if f.is_file()]
    files = [f for f in files if not {"__pycache__", "runs"} & set(f.relative_to(root).parts)]
    files = [f for f in files if not any(p.startswith("checkpoint") for p in f.relative_to(root).parts)]

    def pack():
        with zipfile.ZipFile(f"{utid}.zip", "w", zipfile.ZIP_DEFLATED) as z:
            for f in files:
                z.write(f, Path(root.resolve().name) / f.relative_to(root))

    await asyncio.to_thread(pack)


if __name__ == "__main__":
    asyncio.run(bundle(*sys.argv[1:3]))
