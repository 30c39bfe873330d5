"""What is handed in: a zip with too much or nothing in it, a package that a grader cannot run or has to wait for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import faults
import support
import tiny_submission

from homework.packing import write_zip
from unsilent.bundled import choose_files

from .registry import control, fault
from .subjects import Bundle, Package

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def packed(
    folder: Path, pack: Callable[[Path, Path], object], parent: str = "work", *, checkpoint: bool = False
) -> Bundle:
    """A package and the zip that was made of it."""
    package = support.write_package(folder / parent / "homework")
    if checkpoint:
        support.write_checkpoint(package / "sft_model")
    pack(package, folder / "UTID.zip")
    return Bundle(folder / "UTID.zip", package, 50_000)


fault(
    Bundle,
    "bundle-too-large",
    slug="zip-emptied",
    title="A pattern that matched a parent's name emptied the zip",
)(partial(packed, pack=faults.zip_by_patterns_anywhere, parent="grader"))
fault(Bundle, "bundle-too-large", slug="zip-with-checkpoints", title="The optimizer's state is packed as well")(
    partial(packed, pack=faults.zip_everything, checkpoint=True)
)
fault(
    Bundle,
    "bundle-too-large",
    slug="zip-from-inside",
    title="Files at the top of the zip, no folder",
)(partial(packed, pack=faults.zip_from_inside))
control(Bundle, slug="zip-as-it-should-be", title="Packed by names below the folder")(
    partial(packed, pack=lambda at, zip_path: write_zip(zip_path, at, at.name, choose_files(at).included, {}))
)


# packages that a grader runs


def graded(folder: Path, spoil: Callable[[Path], object] = lambda at: None, seconds: float = 2.0) -> Package:
    """A submission that answers in milliseconds."""
    folder.mkdir(parents=True, exist_ok=True)
    package = tiny_submission.write_submission(folder)
    tiny_submission.take_time_for_each_call(package, 0.6)
    spoil(package)
    return Package(package, tiny_submission.QUESTIONS, seconds)


for _slug, _title, _cause, _needs in (
    ("asks-one-by-one", "Every question is a batch of its own", "answers-too-slow", faults.ask_one_by_one),
    (
        "slow-load",
        "The load does again what could be saved",
        "answers-too-slow",
        lambda at: faults.work_out_at_load(at, 2.5),
    ),
    ("never-ends", "The load never ends", "answers-too-slow", faults.never_end),
    ("needs-a-package", "Loading imports what a grader has not", "needs-more-than-grader", faults.need_a_package),
    ("needs-the-network", "Loading asks a server", "needs-more-than-grader", faults.need_the_network),
    ("needs-to-write", "Answering writes a cache", "needs-more-than-grader", faults.need_to_write),
):
    fault(Package, _cause, slug=_slug, title=_title)(partial(graded, spoil=_needs))
control(Package, slug="answers-in-time", title="A package that answers in time")(graded)
