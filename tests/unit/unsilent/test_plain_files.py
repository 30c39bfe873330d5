"""Only a plain file is opened; everything else is a sentence, at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unsilent.plain_files import NotPlain, open_plain


def test_plain_file_is_opened(tmp_path: Path) -> None:
    """Also by way of a link, as the cache of the hub has them."""
    (tmp_path / "blob").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("blob")

    with open_plain(tmp_path / "link") as file:
        assert file.read() == b"abc"


@pytest.mark.parametrize("kind", ["folder", "fifo", "device", "nothing", "name"])
def test_everything_else_is_refused(tmp_path: Path, kind: str) -> None:
    """A FIFO without a writer would block for ever."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    path = {"device": Path("/dev/zero"), "name": tmp_path / "a\0b"}.get(kind, tmp_path / kind)

    with pytest.raises(NotPlain, match=r"is no plain file|cannot be opened"):
        open_plain(path)


def test_exchanged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was a plain file when it was asked is a FIFO when it is open."""
    (tmp_path / "plain").touch()
    os.mkfifo(tmp_path / "fifo")
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags: real(tmp_path / "fifo", flags))

    with pytest.raises(NotPlain, match="no plain file any more"):
        open_plain(tmp_path / "plain")
