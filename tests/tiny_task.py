"""The project's task made small enough for a model of 100,000 weights: units that differ by powers of ten.

Rows look like the project's, ``["How many mm are in 7 m?", 7000.0]``, and every unit is one of its spellings, so its
algebra and its calculators work on them. Of everything a part is kept out of the rows, for questions that no training
has seen: every seventh number, two wordings, four pairs of units.
"""

from __future__ import annotations

import itertools
import json
import random
from typing import TYPE_CHECKING

from support import BOS, EOS, UNK
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Row = tuple[str, float]
Pair = tuple[str, str]

# Size of each unit as a power of ten, by family; a unit is one word, and no answer leaves three decimals.
SIZES: dict[str, dict[str, int]] = {
    "length": {"mm": -3, "cm": -2, "m": 0, "km": 3},
    "mass": {"g": 0, "kg": 3, "ton": 6},
    "data": {"B": 0, "kB": 3, "MB": 6, "GB": 9},
    "volume": {"mL": -3, "L": 0},
}
LARGEST_POWER = 3
EXPONENTS: dict[Pair, int] = {
    (a, b): sizes[a] - sizes[b]
    for sizes in SIZES.values()
    for a, b in itertools.permutations(sizes, 2)
    if abs(sizes[a] - sizes[b]) <= LARGEST_POWER
}
WORDINGS = ("How many {b} are in {n} {a}?", "Convert {n} {a} into {b}.", "What is {n} {a} in {b}?")
OTHER_WORDINGS = ("Express {n} {a} as {b}.", "Please change {n} {a} to {b}.")
UNSEEN_PAIRS: tuple[Pair, ...] = (("cm", "mm"), ("ton", "kg"), ("GB", "MB"), ("L", "mL"))
SEEN_PAIRS = tuple(pair for pair in EXPONENTS if pair not in UNSEEN_PAIRS)
OTHER_NUMBERS = tuple(range(3, 100, 7))
NUMBERS = tuple(number for number in range(1, 100) if number not in OTHER_NUMBERS)
LONG_NUMBERS = range(10**6, 10**7)
KINDS = ("other numbers", "other wordings", "unseen pairs", "long numbers")

TRAIN_ROWS = 600
VALID_ROWS = 100


def question(wording: str, number: int, pair: Pair) -> Row:
    """One row; a right answer is a decimal number as it is written, so no digit is lost on the way."""
    text = wording.format(n=number, a=pair[0], b=pair[1])
    return text, float(f"{number}e{EXPONENTS[pair]}")


def draw(
    rng: random.Random,
    wordings: Sequence[str] = WORDINGS,
    numbers: Sequence[int] = NUMBERS,
    pairs: Sequence[Pair] = SEEN_PAIRS,
) -> Iterator[Row]:
    """Yield rows without end, every one a new question."""
    asked: set[str] = set()
    while True:
        row = question(rng.choice(wordings), rng.choice(numbers), rng.choice(pairs))
        if row[0] not in asked:
            asked.add(row[0])
            yield row


def splits(seed: int = 0) -> tuple[list[Row], list[Row]]:
    """Train and valid rows, of one kind, without a question in common."""
    rows = list(itertools.islice(draw(random.Random(seed)), TRAIN_ROWS + VALID_ROWS))
    return rows[:TRAIN_ROWS], rows[TRAIN_ROWS:]


def fresh(kind: str, count: int, rng: random.Random) -> list[Row]:
    """Questions that stand in no split, of one of the ``KINDS``."""
    sources = {
        "other numbers": draw(rng, numbers=OTHER_NUMBERS),
        "other wordings": draw(rng, wordings=OTHER_WORDINGS),
        "unseen pairs": draw(rng, pairs=UNSEEN_PAIRS),
        "long numbers": draw(rng, numbers=LONG_NUMBERS),
    }
    return list(itertools.islice(sources[kind], count))


def write_data(folder: Path, seed: int = 0) -> Path:
    """The splits as files, to be named by ``HOMEWORK_DATA_DIR``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in zip(("train", "valid"), splits(seed), strict=True):
        (folder / f"{name}.json").write_text(json.dumps(rows))
    return folder


def task_tokenizer() -> PreTrainedTokenizerFast:
    """The byte-level tokenizer of ``support`` with a token for each word of the task: rows get a third as long."""
    texts = [wording.format(n=" ", a=" ", b=" ") for wording in (*WORDINGS, *OTHER_WORDINGS)]
    units = sorted({unit for sizes in SIZES.values() for unit in sizes})
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    parts = [*texts, *units, " " + " ".join(units), " It <answer> = *", "</answer>"]
    words = [word for part in parts for word, _ in splitter.pre_tokenize_str(part)]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys([UNK, BOS, EOS, *alphabet, *words]))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=EOS, unk_token=UNK
    )
