"""What a journal holds survives a kill at any byte, and belongs to one job and one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from homework.errors import OutputRefused
from homework.journal import Journal, journal_of

SETTINGS = {"seed": 1, "samples": 8}
FORMS = ({"question"},)


def begun(path: Path, entries: int) -> bytes:
    """A journal with so many entries; returns its bytes."""
    with Journal(path, SETTINGS, FORMS) as journal:
        journal.add({"question": number} for number in range(entries))
    return path.read_bytes()


def test_goes_on_behind_earlier_entries(tmp_path: Path) -> None:
    """A second process finds what the first has finished, and adds to it."""
    path = journal_of(tmp_path / "rows.json")
    begun(path, 2)
    with Journal(path, SETTINGS, FORMS) as journal:
        before = list(journal.entries)
        journal.add([{"question": 2}])

    assert before == [{"question": 0}, {"question": 1}]
    with Journal(path, SETTINGS, FORMS) as journal:
        assert [entry["question"] for entry in journal.entries] == [0, 1, 2]


def test_cut_at_any_byte_loses_only_the_last_line(tmp_path: Path) -> None:
    """Whole lines stay, what is left of the last one goes, and the journal can be written again."""
    path = tmp_path / "journal"
    whole = begun(path, 3)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        expected = max(whole[:size].count(b"\n") - 1, 0)
        with Journal(path, SETTINGS, FORMS) as journal:
            assert len(journal.entries) == expected, size
            journal.add([{"question": "next"}])
        with Journal(path, SETTINGS, FORMS) as journal:
            assert len(journal.entries) == expected + 1


def test_other_jobs_journal_is_refused(tmp_path: Path) -> None:
    """The message names what differs, and the file stays as it was."""
    path = tmp_path / "journal"
    before = begun(path, 1)
    with pytest.raises(OutputRefused, match="seed 1 instead of 2"):
        Journal(path, SETTINGS | {"seed": 2}, FORMS)

    assert path.read_bytes() == before
    with Journal(path, SETTINGS, FORMS) as journal:
        assert len(journal.entries) == 1


def test_two_processes_do_not_mix(tmp_path: Path) -> None:
    """The second one is told to wait."""
    path = tmp_path / "journal"
    with Journal(path, SETTINGS, FORMS), pytest.raises(OutputRefused, match="one that is writing"):
        Journal(path, SETTINGS, FORMS)


@pytest.mark.parametrize("content", [b"not json\n", b"[1]\n", b"\xff\xfe\n", b'{"seed": 1}\nnull\n'])
def test_strange_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Nothing is taken from it, and nothing is done to it."""
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(OutputRefused, match="Expected the journal of this job"):
        Journal(path, SETTINGS, FORMS)

    assert path.read_bytes() == content


def test_what_could_not_be_closed_is_let_go(tmp_path: Path) -> None:
    """What was not written was said when it was added; the next process may begin."""
    journal = Journal(tmp_path / "journal", SETTINGS, FORMS)
    journal._file.close()
    journal._file = Path("/dev/full").open("wb")  # noqa: SIM115 - closing it is what is tested
    journal._file.write(b"x")
    with journal:
        pass

    with Journal(tmp_path / "journal", SETTINGS, FORMS) as again:
        assert again.was_there


def test_entry_of_another_form_is_refused(tmp_path: Path) -> None:
    """What is read back must have what the job will ask of it."""
    begun(tmp_path / "journal", 1)
    with pytest.raises(OutputRefused, match="an entry of another form in line 2"):
        Journal(tmp_path / "journal", SETTINGS, ({"question", "kept"},))


def test_anew_puts_aside_only_what_is_of_no_use(tmp_path: Path) -> None:
    """The same job goes on all the same; another one's journal goes."""
    path = tmp_path / "journal"
    begun(path, 2)
    with Journal(path, SETTINGS, FORMS, anew=True) as journal:
        assert (journal.was_there, len(journal.entries)) == (True, 2)
    with Journal(path, SETTINGS | {"seed": 2}, FORMS, anew=True) as journal:
        assert (journal.was_there, len(journal.entries)) == (False, 0)


def test_full_disk_is_said(tmp_path: Path) -> None:
    """What was written before stays, and the message says what to do."""
    path = tmp_path / "journal"
    begun(path, 1)
    journal = Journal(path, SETTINGS, FORMS)
    journal._file.close()
    with Path("/dev/full").open("wb", buffering=0) as full:
        journal._file = full  # type: ignore[assignment] # unbuffered, so that writing fails at once
        with pytest.raises(OutputRefused, match=r"No space left.*make room and give the same command again"):
            journal.add([{"question": 1}])
    with journal:
        pass

    with Journal(path, SETTINGS, FORMS) as again:
        assert again.entries == [{"question": 0}]


def test_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputRefused, match="an output that can be written"):
        Journal(tmp_path / "file" / "journal", SETTINGS, FORMS)


def test_removed_when_done(tmp_path: Path) -> None:
    """The next job begins anew."""
    with Journal(tmp_path / "journal", SETTINGS, FORMS) as journal:
        journal.remove()

    assert not (tmp_path / "journal").exists()
