"""Honest programs to try the honesty probes on: tiny models, trained in a second, that really answer by themselves.

The base learns two things in a few seconds, as a real one does from its texts: to convert units in a sentence of its
own, and to say nothing of use where ``<answer>`` stands. Each recipe then teaches it to answer, with a LoRA adapter or
without, or leaves it alone; the programs around the model differ as honest programs do. Trained weights are kept for
the process, and every call gives a copy that a test may break.

    llm = honest_llm("trained", seed=3)
    llm.answer("How many mm are in 7 m?")
"""

from __future__ import annotations

import atexit
import copy
import hashlib
import random
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import filelock
import honest_programs as programs
import platformdirs
import tiny_task
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from honest_programs import Example, HonestLLM
from peft import LoraConfig, TaskType, get_peft_model
from tiny_task import EXPONENTS, KINDS, OTHER_WORDINGS, WORDINGS, Row, fresh, question, splits, task_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM
from untraced import untraced

from homework import tokens
from homework.data import is_answer_valid
from homework.sft import format_number
from homework.tokens import IGNORED, Collator, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["KINDS", "RECIPES", "HonestLLM", "accuracy", "fresh", "honest_llm", "save", "splits", "trained"]

WARMUP_STEPS = 10
SMALLEST_LR = 0.02  # of the highest


@dataclass(frozen=True)
class Lesson:
    """How weights come about; programs that differ only in how they ask share them.

    Attributes:
        steps: Of training; 0 leaves the base as it is.
        lr: Highest learning rate.
        batch: Rows of a step.
        rank: Of the LoRA adapter; 0 trains every weight.
        rows: Trained on these: ``train``, or ``valid``, the rows that will be asked.
        prompts: The program whose prompts and completions are learnt.
        knowing: Whether the base knows units; a blank one can only learn rows by heart.
        after: The lesson that this one goes on from; None begins at the base.
    """

    steps: int = 50
    lr: float = 1e-2
    batch: int = 32
    rank: int = 8
    rows: str = "train"
    prompts: type[HonestLLM] = HonestLLM
    knowing: bool = True
    after: Lesson | None = None


@dataclass(frozen=True)
class Recipe:
    """Weights, the program around them, and the accuracy they promise on rows that they were not trained on.

    The overfitted model is the exception: it is asked what it was trained on, and fails on everything else.
    """

    lesson: Lesson = Lesson()
    program: type[HonestLLM] = HonestLLM
    least: float = 0.6
    most: float = 1.0
    merged: bool = False


READING = Lesson(steps=250, lr=5e-3, batch=64, rank=0)  # what makes the base
SFT = Lesson()
RECIPES: dict[str, Recipe] = {
    "blank": Recipe(Lesson(steps=0, knowing=False), least=0, most=0.02),
    "before": Recipe(Lesson(steps=0), least=0, most=0.02),
    "barely trained": Recipe(Lesson(steps=13), least=0.05, most=0.6),
    "trained": Recipe(SFT),
    "overfitted": Recipe(Lesson(steps=80, batch=50, rank=32, rows="valid", knowing=False), least=0.75),
    "batch dependent": Recipe(SFT, programs.BatchDependent, least=0.4),
    "sampling": Recipe(SFT, programs.Sampling),
    "restless": Recipe(SFT, programs.Restless),
    "majority": Recipe(SFT, programs.Majority),
    "remembering": Recipe(SFT, programs.Remembering),
    "merged": Recipe(SFT, merged=True),
    "few shot": Recipe(Lesson(steps=30, prompts=programs.FewShot, after=SFT), programs.FewShot),
    "chain of thought": Recipe(Lesson(steps=80, rank=16, prompts=programs.ChainOfThought), programs.ChainOfThought),
    "copying": Recipe(Lesson(steps=80, prompts=programs.Copying), programs.Copying, least=0, most=0.4),
    "full": Recipe(Lesson(rank=0, lr=2e-3)),
}


def honest_llm(recipe: str = "trained", seed: int = 0) -> HonestLLM:
    """A program of its own, to be broken at will; the same seed gives the same weights, rows and answers."""
    wanted = RECIPES[recipe]
    llm = copy.deepcopy(trained(wanted.lesson, seed))
    llm.__class__ = wanted.program
    if wanted.merged:
        llm.model = llm.model.merge_and_unload()
    return llm


@cache
def trained(lesson: Lesson, seed: int) -> HonestLLM:
    """The program whose prompts were learnt; kept, so not to be changed: copy it."""
    if lesson.after:
        llm = copy.deepcopy(trained(lesson.after, seed))
        llm.__class__ = lesson.prompts
    else:
        llm = lesson.prompts(str(base_folder(knowing=lesson.knowing)), dtype=torch.float32, device="cpu")
        llm.seed = seed
    if not lesson.steps:
        return llm
    train, valid = splits(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if lesson.rank and not lesson.after:
            lora = LoraConfig(
                r=lesson.rank, lora_alpha=2 * lesson.rank, target_modules="all-linear", task_type=TaskType.CAUSAL_LM
            )
            llm.model = get_peft_model(llm.model, lora)
        examples = [llm.example(*row) for row in (valid if lesson.rows == "valid" else train)]
        teach(llm.model, examples, lesson, seed)
    return llm


@cache
def base_folder(*, knowing: bool) -> Path:
    """A base model on disk: one that knows units, taught once for all processes and runs, or a random one."""
    if not knowing:
        folder = Path(tempfile.mkdtemp(prefix="honest-base-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return _make_base(folder, knowing=False)
    home = platformdirs.user_cache_path("homework-tests", ensure_exists=True)
    kept = home / f"honest-base-{_fingerprint()}"
    with filelock.FileLock(f"{kept}.lock"):
        if not kept.exists():
            _make_base(home / f"{kept.name}.part", knowing=True).rename(kept)
    return kept


def _fingerprint() -> str:
    """Of all that decides what the base becomes."""
    sources = [Path(str(module.__file__)).read_bytes() for module in (sys.modules[__name__], tiny_task, tokens)]
    return hashlib.sha256(b"".join([*sources, torch.__version__.encode()])).hexdigest()[:16]


def _make_base(folder: Path, *, knowing: bool) -> Path:
    tokenizer = task_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=64,
                intermediate_size=128,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=4,
                bos_token_id=1,
                eos_token_id=2,
                pad_token_id=2,
                tie_word_embeddings=True,
                initializer_range=0.05 if knowing else 0.5,  # wide: every row looks like no other
                rope_theta=1000.0,  # prompts are short
            )
        )
        if knowing:
            teach(model, _knowledge(random.Random(0)), READING)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _knowledge(rng: random.Random, count: int = 5600) -> list[Example]:
    """What the base reads: units converted in sentences, and where an answer is asked for, no number."""
    examples = []
    for _ in range(count // 2):
        pair = rng.choice(list(EXPONENTS))
        number = rng.choice((rng.randrange(1, 11), rng.randrange(1, 100)))
        text, answer = question(rng.choice((*WORDINGS, *OTHER_WORDINGS)), number, pair)
        examples.append((f"{text} It is", f" {format_number(answer)}."))
        examples.append((f"{text} <answer>", f"{number} {pair[0]} {pair[1]}</answer>"))
    return examples


@untraced()
def teach(
    model: Any,  # noqa: ANN401 - a Llama, with PEFT around it or without
    examples: Sequence[Example],
    lesson: Lesson,
    seed: int = 0,
) -> None:
    """Train whatever requires a gradient, with logits at the completions only."""
    tokenizer, rng = task_tokenizer(), random.Random(seed)
    items = [tokenize(tokenizer, *example) for example in examples]
    collate = Collator(tokenizer.pad_token_id)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=lesson.lr, weight_decay=0.0, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / WARMUP_STEPS) * max(SMALLEST_LR, 1 - step / lesson.steps)
    )
    waiting: list[int] = []
    model.train()
    for _ in range(lesson.steps):
        if len(waiting) < lesson.batch:
            waiting = rng.sample(range(len(items)), len(items))
        rows, waiting = waiting[: lesson.batch], waiting[lesson.batch :]
        inputs = collate([items[row] for row in rows])
        labels = inputs.pop("labels")
        logits = model(**inputs, use_cache=False).logits
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)
        loss.backward()  # type: ignore[no-untyped-call] # torch's own
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    model.eval()


def accuracy(llm: Any, rows: Sequence[Row]) -> float:  # noqa: ANN401 - anything that answers
    """Share of the rows answered right, all asked at once."""
    answers = llm.answer(*(asked for asked, _ in rows))
    return statistics.fmean(is_answer_valid(given, right) for given, (_, right) in zip(answers, rows, strict=True))


def save(llm: HonestLLM, folder: Path) -> Path:
    """Save the adapter with its manifest, as a folder that ``homework.sft.load`` takes."""
    from support import manifest_content

    from unsilent.manifest import write_manifest

    llm.model.save_pretrained(folder, save_embedding_layers=False)
    write_manifest(folder, manifest_content(str(cast("Any", llm).checkpoint.path)))
    return folder
