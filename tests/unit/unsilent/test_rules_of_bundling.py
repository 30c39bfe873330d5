"""The rule about bundling: exclusions are matched below the bundled folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

BUNDLES = {
    "parts of a resolved path": """
        EXCLUDE = {"__pycache__", "grader", "data"}
        def bundle(folder="homework", out="x.zip"):
            root = Path(folder).resolve()
            with zipfile.ZipFile(out, "w") as archive:
                for path in root.rglob("*"):
                    if any(part in EXCLUDE for part in path.parts):  # <- bundle-too-large
                        continue
                    archive.write(path, path.relative_to(root.parent))
        """,
    "text of an absolute path": """
        SKIP = ["tmp", "cache"]
        def main():
            root = os.path.abspath(sys.argv[1])
            archive = zipfile.ZipFile("x.zip", "w")
            for place, _, names in os.walk(root):
                for name in names:
                    full = os.path.join(place, name)
                    if not any(word in full for word in SKIP):  # <- bundle-too-large
                        archive.write(full, os.path.relpath(full, root))
        if __name__ == "__main__":
            main()
        """,
    "text of a path below this file": """
        def bundle(out="x.zip"):
            with zipfile.ZipFile(out, "w") as archive:
                for path in (Path(__file__).parent / "homework").rglob("*"):
                    if "grader" not in str(path).lower():  # <- bundle-too-large
                        archive.write(path)
        """,
    "patterns of a shell": """
        import fnmatch
        LEAVE_OUT = ["*.pt", "*/data/*"]
        def left_out(name):
            return any(fnmatch.fnmatch(name, pattern) for pattern in LEAVE_OUT)  # <- bundle-too-large
        def bundle(folder="homework", out="x.zip"):
            archive = zipfile.ZipFile(out, "w")
            for path in Path(folder).resolve().rglob("*"):
                if not left_out(path.as_posix()):
                    archive.write(path)
        """,
    "a regular expression": """
        JUNK = re.compile(r"checkpoint-\\d+|runs")
        def bundle(out="x.zip"):
            archive = zipfile.ZipFile(out, "w")
            for path in Path(__file__).parent.iterdir():
                if not JUNK.search(str(path)) and not re.search("tmp", str(path)):  # <- bundle-too-large
                    archive.write(path)
        """,
    "sets of parts": """
        JUNK = {"runs", "data"}
        def bundle(out="x.zip"):
            archive = zipfile.ZipFile(out, "w")
            for path in Path.cwd().rglob("*"):
                if JUNK & set(path.parts):  # <- bundle-too-large
                    continue
                if JUNK.isdisjoint(path.parts):  # <- bundle-too-large
                    archive.write(path)
        """,
    "split by hand": """
        def bundle(out="x.zip"):
            archive = zipfile.ZipFile(out, "w")
            for path in Path.cwd().rglob("*"):
                for name in str(path).split("/"):
                    if name in ("grader", "tmp"):  # <- bundle-too-large
                        break
                else:
                    archive.write(path)
        """,
    "ends, and what tools leave": """
        import fnmatch
        def bundle(folder="homework", out="x.zip"):
            root, done = Path(folder).resolve(), []
            archive = zipfile.ZipFile(out, "w")
            for path in root.rglob("*"):
                if "__pycache__" in path.parts or fnmatch.fnmatch(str(path), "*.pt") or re.search(r"[.]log$", str(path)):
                    continue
                if path in done or path.parts[-1] in {"data", "tmp"} or fnmatch.fnmatch(str(path), "*/__pycache__/*"):
                    continue
                done.append(path)
                archive.write(path, path.relative_to(root.parent))
        """,
    "listed by a pattern": """
        import glob
        def bundle(out="x.zip"):
            archive = zipfile.ZipFile(out, "w")
            for name in glob.glob(f"{os.getcwd()}/homework/**", recursive=True):
                if "tmp" not in name:  # <- bundle-too-large
                    archive.write(name)
        """,
    "joined in a walk": """
        ROOT = Path(__file__).resolve().parents[0]
        def bundle(out="x.zip"):
            archive = zipfile.ZipFile(out, "w")
            for place, folders, names in os.walk(ROOT):
                for name in names:
                    if "tmp" not in (Path(place) / name).as_posix():  # <- bundle-too-large
                        archive.write(Path(place) / name)
        """,
    "what follows the root": """
        def bundle(folder="homework", out="x.zip"):
            root = os.path.abspath(folder)
            archive = zipfile.ZipFile(out, "w")
            for place, folders, names in os.walk(root):
                folders[:] = [name for name in folders if name not in {"data", "tmp"}]
                for name in names:
                    if "grader" not in name and "grader" not in os.path.join(place, name)[len(root):]:
                        archive.write(os.path.join(place, name))
        """,
    "relative parts": """
        EXCLUDE = {"__pycache__", "grader", "data"}
        def bundle(folder="homework", out="x.zip"):
            root = Path(folder).resolve()
            with zipfile.ZipFile(out, "w") as archive:
                for path in root.rglob("*"):
                    if EXCLUDE & set(path.relative_to(root).parts) or path.name in EXCLUDE:
                        continue
                    archive.write(path, path.relative_to(root.parent))
        """,
    "a path that was given": """
        EXCLUDE = ("__pycache__", ".git")
        def bundle(out="x.zip"):
            with zipfile.ZipFile(out, "w") as archive:
                for path in Path("homework").rglob("*"):
                    if not any(name in path.parts for name in EXCLUDE):
                        archive.write(path)
        """,
    "bundle by any component": """
        DROP = {"data", "grader"}
        def keep(path):
            return not any(p.name in DROP for p in path.parents)  # <- bundle-too-large
        def bundle(folder="homework", out="x.zip"):
            root = Path(folder).resolve()
            with zipfile.ZipFile(out, "w") as z:
                for path in filter(keep, root.rglob("*")):
                    z.write(path, path.relative_to(root.parent))
        """,
}


@pytest.mark.parametrize("code", BUNDLES.values(), ids=BUNDLES)
def test_bundles(tmp_path: Path, code: str) -> None:
    """Exclusions that are matched on the whole absolute path are found where they are matched."""
    snippets.assert_as_marked(tmp_path, code)
