"""What every run of the comparison with other tools is made of: model, adapter, rows, Trainer, and a clock.

A run is what anybody writes: a small Llama, a LoRA adapter of rank 4, transformers' Trainer, twelve steps of four rows.
``run_cases.py`` breaks it, ``run_tools.py`` watches it.

The model is a little wider than that of the tests, so that the adapter's share of the weights (7%) is one that rules
about "too many trainable parameters" accept; alpha 64 lets it learn at 1e-3, which rules about learning rates accept.
Padding is not end-of-text, but where that is the point.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import support
import torch
import trainers
from peft import LoraConfig, get_peft_model
from transformers import (
    DataCollatorForSeq2Seq,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

STEPS = 12
LR = 1e-3


class Clock(TrainerCallback):  # type: ignore[misc] # transformers' base class is untyped
    """Knows which optimizer step is being prepared, and which of its micro-batches; both count from 1.

    A fault of one step is planned here: whoever calls the model before, as some tools do, does not use it up.
    """

    micro_batch = 1

    def __init__(self) -> None:
        """Before training."""
        self._step = 0
        self._plans: list[tuple[int, Callable[[], object]]] = []

    @property
    def step(self) -> int:
        """The optimizer step that is being prepared; 0 before training."""
        return self._step

    @step.setter
    def step(self, step: int) -> None:
        self._step = step
        for planned, do in self._plans:
            if planned == step:
                do()

    def plan(self, step: int, do: Callable[[], object]) -> None:
        """Call a function whenever this step begins to be prepared."""
        self._plans.append((step, do))

    def on_step_begin(self, _args: Any, state: Any, _control: Any, **_: object) -> None:  # noqa: ANN401
        """Another step is prepared."""
        self.step, self.micro_batch = state.global_step + 1, 1

    def on_substep_end(self, *_: object, **__: object) -> None:
        """Another micro-batch of it."""
        self.micro_batch += 1


@dataclass
class Run:
    """A run that is ready to start, and what its author knows of it."""

    trainer: Any
    lora: Any
    rows: Sequence[dict[str, Any]]
    clock: Clock
    fresh_base: Callable[[], Any]  # the model before the adapter was put on it
    max_length: int = field(default=0, kw_only=True)  # tokens to which rows were cut; 0: none were
    records: Sequence[dict[str, str]] = field(default=(), kw_only=True)  # texts before that; none: the rows' own

    def texts(self) -> list[dict[str, str]]:
        """What its author has as texts."""
        decode = self.trainer.processing_class.decode
        return list(self.records) or [{"text": decode(row["input_ids"])} for row in self.rows]

    def train(self) -> None:
        """Train as its author does."""
        self.trainer.train()


@dataclass
class Resumed(Run):
    """The second half of a run, ready to go on.

    Attributes:
        checkpoint: What the first half left.
        anew: ``train()`` is called without it.
    """

    checkpoint: Path
    anew: bool = False

    def train(self) -> None:
        """Go on."""
        self.trainer.train(resume_from_checkpoint=None if self.anew else str(self.checkpoint))


@dataclass
class Ranks:
    """A training of two processes, of which none has begun.

    Attributes:
        build: The run of one rank; the process group is there when it is called.
        folder: For what they share.
    """

    build: Callable[[int], Run]
    folder: Path


def base_model() -> Any:  # noqa: ANN401 - a Llama
    """Two layers of width 64, always the same."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=259,
            hidden_size=64,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
            tie_word_embeddings=False,
            initializer_range=0.1,
            use_cache=False,
        )
    )


def lora_config(**options: Any) -> Any:  # noqa: ANN401 - fields of LoraConfig
    """Rank 4 on all linear layers."""
    return LoraConfig(**{"r": 4, "lora_alpha": 64, "target_modules": "all-linear", "task_type": "CAUSAL_LM"} | options)


def tokenizer(*, pad_is_eos: bool = False) -> Any:  # noqa: ANN401 - a fast tokenizer
    """One token a byte."""
    made = support.tiny_tokenizer()
    if not pad_is_eos:
        made.pad_token = support.UNK
    return made


def adapted(base: Any = None, **options: Any) -> Any:  # noqa: ANN401 - a PEFT model
    """The base with a fresh adapter, as its author makes it."""
    torch.manual_seed(1)
    config = lora_config(**options)
    model = get_peft_model(base_model() if base is None else base, config)
    model.config_as_written = lora_config(**options)  # PEFT changes the one that it is given
    return model


def setup(  # noqa: PLR0913 - each is one thing that a case changes
    folder: Path,
    model: Any = None,  # noqa: ANN401 - a PEFT model
    *,
    rows: Any = None,  # noqa: ANN401
    collate: Any = None,  # noqa: ANN401
    pad_is_eos: bool = False,
    trainer_class: type = Trainer,
    optimizer: Any = None,  # noqa: ANN401
    fresh_base: Callable[[], Any] = base_model,
    **arguments: Any,  # noqa: ANN401 - fields of TrainingArguments
) -> Run:
    """A plain Trainer; the healthy run is the one without any argument."""
    model = adapted() if model is None else model
    rows = trainers.tokenized_rows(STEPS * 4) if rows is None else rows
    used = tokenizer(pad_is_eos=pad_is_eos)
    settings: dict[str, Any] = {
        "output_dir": str(folder),
        "max_steps": STEPS,
        "learning_rate": LR,
        "per_device_train_batch_size": 4,
        "logging_steps": 1,
        "lr_scheduler_type": "constant",
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 0,
    }
    trainer = trainer_class(
        model=model,
        args=TrainingArguments(**settings | arguments),
        train_dataset=rows,
        data_collator=as_dictionary(collate or DataCollatorForSeq2Seq(used)),
        processing_class=used,
        optimizers=(optimizer, None),
        callbacks=[clock := Clock()],
    )
    return Run(trainer, model.config_as_written, rows, clock, fresh_base)


def as_dictionary(collate: Any) -> Any:  # noqa: ANN401 - a collator
    """Batches as plain dictionaries: two of the tools do not know transformers' own type."""
    return lambda rows: dict(collate(rows))


def memorised(steps: int = 20) -> Any:  # noqa: ANN401 - a Llama
    """The base, trained until it knows four rows: what explodes must have been good."""
    model = base_model()
    batch = DataCollatorForSeq2Seq(tokenizer())(trainers.tokenized_rows(4))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model
