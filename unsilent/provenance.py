"""Where reasoning comes from: the record beside a file of rows that a model has written, and how a draw is repeated.

``rft.json`` holds ``[question, answer, reasoning]``; ``rft.provenance.json`` beside it says of every row which model
wrote the reasoning, from which prompt, with which numbers. The numbers are hashes of seed, prompt, sample and position
(``uniform``), so that any row can be drawn again alone, in another batch, on another device. The record keeps out no
forger by itself; that a row is really what its model draws is decided in ``fabrication.py``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import as_number
from .plain_files import NotPlain, open_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SCHEMA_VERSION = 1
SUFFIX = ".provenance.json"
LARGEST = 200_000_000  # bytes; a row of 60 tokens takes half a kB
LEAST_TEMPERATURE, MOST_TEMPERATURE = 1e-6, 1e6  # beyond, logits divided by it are all inf, or all the same
DTYPES = frozenset({"fp32", "fp16", "bf16", "float32", "float16", "bfloat16"})  # what redrawing has bounds for
BITS = 53  # of the hash, as many as a float keeps exactly


class ProvenanceUnusable(Exception):
    """A record that is there but cannot be relied on."""

    def __init__(self, path: Path, got: str) -> None:
        """Say what was found, and keep it as an attribute."""
        super().__init__(
            f"Expected a record of where the rows come from, schema {SCHEMA_VERSION}, but got {got}. Where: {path}. "
            "What to do: sample the rows again with the version that wrote them."
        )
        self.got = got


@dataclass(frozen=True)
class Round:
    """One pass of sampling: what it was done with.

    Attributes:
        round: Its number, by which rows name it.
        seed: Of the numbers that decide each token.
        temperature: 0 is greedy.
        oversample: Samples drawn for each prompt.
        max_new_tokens: Bound of a completion.
        model: ``base``, ``config_sha256``, ``dtype``, ``adapter`` (None, or its folder and sha256), and more that
            tells it from others.
        format: Name of what turned questions into prompts.
    """

    round: int
    seed: int
    temperature: float
    oversample: int
    max_new_tokens: int
    model: Mapping[str, Any]
    format: str

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Draw:
    """How the reasoning of one row was drawn.

    Attributes:
        round: Number of its round.
        sample: Which of the prompt's samples, from 0.
        prompt_sha256: Of the prompt as the model got it.
        text_sha256: Of the row's reasoning.
        tokens: The sampled ids, to and with the one that closed the answer; its own text may go on behind the tag.
        row_sha256: Of the whole row, by ``row_hash``; empty in records that do not have it yet.
    """

    round: int
    sample: int
    prompt_sha256: str
    text_sha256: str
    tokens: tuple[int, ...]
    row_sha256: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        content = dataclasses.asdict(self) | {"tokens": list(self.tokens)}
        return {name: value for name, value in content.items() if name not in OPTIONAL or value != OPTIONAL[name]}


@dataclass(frozen=True)
class Provenance:
    """The whole record: ``draws[i]`` belongs to row i of the file whose bytes have ``rows_sha256``."""

    rows_sha256: str
    made_at: str
    versions: Mapping[str, str]
    rounds: tuple[Round, ...]
    draws: tuple[Draw, ...]

    def as_json(self) -> dict[str, Any]:
        """The record as it is written."""
        return {
            "schema_version": SCHEMA_VERSION,
            "rows_sha256": self.rows_sha256,
            "made_at": self.made_at,
            "versions": dict(self.versions),
            "rounds": [one.as_json() for one in self.rounds],
            "rows": [one.as_json() for one in self.draws],
        }


def uniform(seed: int, prompt_sha256: str, sample: int, position: int) -> float:
    """The number in [0, 1) that decides one token: the same in every batch and on every device."""
    digest = hashlib.sha256(f"{seed}:{prompt_sha256}:{sample}:{position}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> (64 - BITS)) / 2.0**BITS


def text_hash(text: str) -> str:
    """The sha256 of a text's UTF-8; half a surrogate pair, which JSON can hold, is hashed as it is."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def row_hash(question: object, answer: object, reasoning: object) -> str:
    """The sha256 of a whole row as JSON, the same however a file is laid out and whether 6000 is written 6000.0."""
    number = as_number(answer)
    row = [question, answer if math.isnan(number) else number, reasoning]
    return text_hash(json.dumps(row, separators=(",", ":"), sort_keys=True, default=str))


def sidecar_of(path: str | Path) -> Path:
    """Where the record of a file of rows lies: ``data/rft.json`` has ``data/rft.provenance.json``."""
    path = Path(path)
    return path.with_name(path.stem + SUFFIX)


def make_provenance(
    rows: bytes, rounds: Sequence[Round], draws: Sequence[Draw], *, versions: Mapping[str, str]
) -> Provenance:
    """Build the record of a file that holds exactly ``rows``; the time is now."""
    digest, now = hashlib.sha256(rows).hexdigest(), datetime.now(UTC).isoformat(timespec="seconds")
    return Provenance(digest, now, versions, tuple(rounds), tuple(draws))


def provenance_bytes(provenance: Provenance) -> bytes:
    """The record as bytes to write: small, as a row's tokens take one line.

    Raises:
        ValueError: A number in it is not finite.
    """
    content = provenance.as_json()
    rows = ",\n".join(json.dumps(row) for row in content.pop("rows"))
    head = json.dumps(content, indent=1, allow_nan=False).removesuffix("\n}")
    return f'{head},\n "rows": [\n{rows}\n]}}\n'.encode()


def read_provenance(path: str | Path) -> Provenance | None:
    """Read a record; None where there is none.

    Args:
        path: Of the record itself, as ``sidecar_of`` gives it.

    Raises:
        ProvenanceUnusable: It cannot be read, is of another schema, or lacks something.
    """
    path = Path(path)
    if not path.exists() and not path.is_symlink():
        return None
    try:
        with open_plain(path) as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ProvenanceUnusable(path, f"a file of more than {LARGEST / 1e6:.0f} MB")
        content = json.loads(data)
    except (NotPlain, OSError) as error:
        raise ProvenanceUnusable(path, f"a file that cannot be read ({error})") from error
    except (ValueError, RecursionError) as error:
        raise ProvenanceUnusable(path, f"no JSON ({error})") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise ProvenanceUnusable(path, f"one of schema {version!r}")
    try:
        return _parsed(content)
    except ValueError as error:
        raise ProvenanceUnusable(path, str(error)) from error


def covers(provenance: Provenance, rows: bytes) -> bool:
    """Whether a file of rows is, byte for byte, the one that was recorded; git may have changed the line ends."""
    texts = (rows, rows.replace(b"\r\n", b"\n"))
    return provenance.rows_sha256 in {hashlib.sha256(text).hexdigest() for text in texts}


def _parsed(content: Mapping[str, Any]) -> Provenance:
    """Check every field; what is not known here is left out."""
    head = _fields(content, RECORD, "the record")
    rounds = tuple(Round(**_fields(entry, ROUND, f"rounds[{at}]")) for at, entry in enumerate(head["rounds"]))
    draws = tuple(Draw(**_fields(entry, DRAW, f"rows[{at}]", OPTIONAL)) for at, entry in enumerate(head["rows"]))
    for one in rounds:
        _fields(one.model, MODEL, f"round {one.round}.model")
    if len({one.round for one in rounds}) < len(rounds):
        raise ValueError("one in which two rounds have the same number")
    return Provenance(head["rows_sha256"], head["made_at"], head["versions"], rounds, draws)


def _fields(
    entry: object, wanted: Mapping[str, Callable[[Any], bool]], where: str, optional: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The fields of one entry, each of its kind; the first that is not is named."""
    given = {**(optional or {}), **entry} if isinstance(entry, dict) else {}
    for name, fits in wanted.items():
        if not fits(given.get(name)):
            raise ValueError(f"one in which {where}.{name} is {repr(given.get(name))[:40]}")
    return {name: tuple(given[name]) if isinstance(given[name], list) else given[name] for name in wanted}


def _is_whole(value: object, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_temperature(value: object) -> bool:
    number = as_number(value)  # NaN for what is none, inf for what no float holds
    return number == 0 or LEAST_TEMPERATURE <= number <= MOST_TEMPERATURE


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_adapter(value: object) -> bool:
    return value is None or (isinstance(value, dict) and _is_text(value.get("sha256")))


RECORD: Mapping[str, Callable[[Any], bool]] = {
    "rows_sha256": _is_text,
    "made_at": _is_text,
    "versions": lambda value: isinstance(value, dict),
    "rounds": lambda value: isinstance(value, list),
    "rows": lambda value: isinstance(value, list),
}
ROUND: Mapping[str, Callable[[Any], bool]] = {
    "round": _is_whole,
    "seed": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "temperature": _is_temperature,
    "oversample": lambda value: _is_whole(value, 1),
    "max_new_tokens": lambda value: _is_whole(value, 1),
    "model": lambda value: isinstance(value, dict),
    "format": _is_text,
}
MODEL: Mapping[str, Callable[[Any], bool]] = {
    "base": lambda value: _is_text(value) and value != "",
    "config_sha256": _is_text,
    "dtype": lambda value: value in DTYPES if _is_text(value) else False,
    "adapter": _is_adapter,
}
DRAW: Mapping[str, Callable[[Any], bool]] = {
    "round": _is_whole,
    "sample": _is_whole,
    "prompt_sha256": _is_text,
    "text_sha256": _is_text,
    "tokens": lambda value: isinstance(value, list) and all(map(_is_whole, value)),
    "row_sha256": _is_text,
}
OPTIONAL: Mapping[str, Any] = {"row_sha256": ""}  # of a draw: older records are still read
