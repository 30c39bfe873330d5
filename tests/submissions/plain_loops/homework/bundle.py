import os
import sys
import zipfile


def main(folder, utid):
    folder = folder.rstrip("/")
    name = os.path.basename(os.path.abspath(folder))
    total = 0
    with zipfile.ZipFile(utid + ".zip", "w", zipfile.ZIP_DEFLATED) as z:
        for here, dirs, files in os.walk(folder):
            dirs[:] = [d for d in sorted(dirs) if d != "__pycache__" and not d.startswith(("checkpoint", "."))]
            for f in sorted(files):
                if f.endswith((".pyc", ".pt", ".zip")):
                    continue
                path = os.path.join(here, f)
                z.write(path, os.path.join(name, os.path.relpath(path, folder)))
                total += os.path.getsize(path)
    if os.path.getsize(utid + ".zip") > 50_000_000:
        raise SystemExit(f"too large: {total} bytes before packing")


if __name__ == "__main__":
    main(*sys.argv[1:3])
