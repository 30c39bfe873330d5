from __future__ import annotations

import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Member:
    file: Path
    name: Path

    @property
    def wanted(self) -> bool:
        return not any(part == "__pycache__" or part.startswith("checkpoint-") for part in self.name.parts)


def bundle(folder: str, utid: str) -> None:
    root = Path(folder).resolve()
    members = [Member(f, f.relative_to(root)) for f in sorted(root.rglob("*")) if f.is_file()]
    with zipfile.ZipFile(f"{utid}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            if member.wanted:
                archive.write(member.file, root.name / member.name)


if __name__ == "__main__":
    bundle(sys.argv[1], sys.argv[2])
