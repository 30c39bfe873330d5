"""Small real parts for tests: a model and a tokenizer that build in milliseconds, data, and a canned model.

They are real: a 2-layer Llama of transformers, a byte-level tokenizer of tokenizers. Only ``CannedLLM`` is a
stand-in, for tests of code that scores answers and does not care where they come from.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from untraced import untraced

from homework.conversion_utils import make_splits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pytest

    from unsilent.grading import Grade, Part
    from unsilent.outcome import Outcome, Report

EOS = "<|im_end|>"
BOS = "<|im_start|>"
UNK = "<|endoftext|>"
FIVE_ROWS = [  # as many as a tiny model learns by heart in a second
    ("How many cm are in 3 m?", 300.0),
    ("What is 2 kg in g?", 2000.0),
    ("Convert 5 ft to in.", 60.0),
    ("4 days is how many h?", 96.0),
    ("1 L in mL", 1000.0),
]
REASONED_ROWS: list[list[Any]] = [  # the same, as rejection sampling keeps them
    [*FIVE_ROWS[0], "1 m = 100 cm. 3 * 100 = <answer>300</answer>"],
    [*FIVE_ROWS[1], "1 kg = 1000 g. 2 * 1000 = <answer>2000</answer>"],
    [*FIVE_ROWS[2], "1 ft = 12 in. 5 * 12 = <answer>60</answer>"],
    [*FIVE_ROWS[3], "1 day = 24 h. 4 * 24 = <answer>96</answer>"],
    [*FIVE_ROWS[4], "1 L = 1000 mL. 1 * 1000 = <answer>1000</answer>"],
]


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte; padding is end-of-text, on the right, as SmolLM2's own tokenizer has it."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: index for index, symbol in enumerate([UNK, BOS, EOS, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=EOS, unk_token=UNK
    )
    fast.chat_template = (
        "{% for message in messages %}"
        "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
        "{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return fast


def tiny_model(seed: int = 0, layers: int = 2) -> LlamaForCausalLM:
    """A Llama with 2 layers of width 32, randomly initialised from ``seed``."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=259,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=2,
            tie_word_embeddings=True,
            initializer_range=0.2,  # wide enough that greedy choices are clear
        )
    )


def write_tiny_base(folder: Path) -> Path:
    """Save the tiny model and tokenizer as a base checkpoint."""
    tiny_model().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def write_small_data(folder: Path, train_rows: int = 40, valid_rows: int = 20) -> Path:
    """Write the first rows of the project's own splits."""
    folder.mkdir(parents=True)
    for name, questions, count in zip(("train", "valid"), make_splits(60), (train_rows, valid_rows), strict=True):
        (folder / f"{name}.json").write_text(json.dumps([question.row for question in questions[:count]]))
    return folder


def tiny_adapter(*, seed: int = 0, dtype: torch.dtype = torch.float32, **options: Any) -> Any:  # noqa: ANN401 - a PEFT model
    """A LoRA adapter on the tiny model; ``lora_B`` filled from ``seed`` as if it were trained."""
    from peft import LoraConfig, TaskType, get_peft_model

    settings: dict[str, Any] = {"r": 4, "target_modules": "all-linear", "task_type": TaskType.CAUSAL_LM}
    adapted = get_peft_model(tiny_model().to(dtype), LoraConfig(**settings | options))
    torch.manual_seed(seed)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return adapted


def manifest_content(base: str = "tiny", **changes: object) -> dict[str, object]:
    """Every field a manifest must have, for adapters that no run has trained."""
    return {
        "created": "2026-01-01T00:00:00.000000+00:00",
        "base": {"name": base, "revision": None, "config_sha256": ""},
        "dtype": {"base": "fp32", "adapter": "fp32"},
        "precision": {"name": "fp32", "reason": "asked for"},
        "lora": {},
        "data": {"sha256": ""},
        "seed": 0,
        "versions": {},
        "command": [],
        "git": None,
        "log": {"steps": 4},
        "verdicts": [],
    } | changes


def write_adapter(folder: Path, base: Path | str = "tiny", *, manifest: bool = True, **options: Any) -> Path:  # noqa: ANN401
    """Save a tiny adapter, as trained on ``base``, with PEFT and, unless told otherwise, with a manifest."""
    from unsilent.manifest import write_manifest

    adapted = tiny_adapter(**options)
    adapted.peft_config["default"].base_model_name_or_path = str(base)
    adapted.save_pretrained(folder, save_embedding_layers=False)
    if manifest:
        write_manifest(folder, manifest_content(str(base)))
    return folder


def as_bin(folder: Path) -> Path:
    """Turn the weights of an adapter folder into ``adapter_model.bin``."""
    from safetensors.torch import load_file

    whole = folder / "adapter_model.safetensors"
    torch.save(load_file(whole), folder / "adapter_model.bin")
    whole.unlink()
    return folder


def as_shards(folder: Path, count: int = 2) -> Path:
    """Cut the weights of an adapter folder into shards with an index."""
    from safetensors.torch import load_file, save_file

    whole = folder / "adapter_model.safetensors"
    tensors = load_file(whole)
    weight_map: dict[str, str] = {}
    for number in range(count):
        part = dict(list(tensors.items())[number::count])
        name = f"adapter_model-{number + 1:05}-of-{count:05}.safetensors"
        save_file(part, folder / name)
        weight_map |= dict.fromkeys(part, name)
    (folder / "adapter_model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    whole.unlink()
    return folder


def write_package(folder: Path) -> Path:
    """A package as it is handed in: three modules and an adapter, of a few bytes each; nothing in it runs."""
    adapter = folder / "sft_model"
    adapter.mkdir(parents=True)
    for name in ("__init__.py", "sft.py", "data.py"):
        (folder / name).write_text(f'"""{name}"""\n')
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "tiny"}')
    (adapter / "adapter_model.safetensors").write_bytes(bytes(range(256)) * 40)
    return folder


def write_checkpoint(adapter: Path, step: int = 500) -> Path:
    """What a Trainer leaves beside an adapter: the same once more, and the state of its optimizer."""
    checkpoint = adapter / f"checkpoint-{step}"
    checkpoint.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (checkpoint / name).write_bytes((adapter / name).read_bytes())
    (checkpoint / "optimizer.pt").write_bytes(random.Random(step).randbytes(100_000))
    return checkpoint


def only_finding(report: Report) -> Outcome:
    """The one finding of a report; an assertion where there is none, or several."""
    assert len(report.findings) == 1, [finding.slug for finding in report.findings]
    return report.findings[0]


def train_for_copies(base: Path, folder: Path) -> Path:
    """Train an adapter on small data of its own, to be copied by tests and never changed."""
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOMEWORK_DATA_DIR", str(write_small_data(folder / "data")))
        train_tiny(base, folder / "sft")
    return folder / "sft"


TINY_SETTINGS: dict[str, Any] = {  # a few steps on the tiny base
    "precision": "fp32",
    "epochs": 1,
    "max_steps": 4,
    "max_length": 200,
    "rank": 4,
    "effective_batch": 8,
    "lr": 1e-2,
    "warmup_steps": 0,
    "logging_steps": 1,
}


class CannedLLM:
    """Answers from a list, in order; for code that judges answers."""

    def __init__(self, answers: Sequence[float]) -> None:
        """Keep the answers."""
        self.answers = list(answers)
        self.asked: list[str] = []

    def answer(self, *questions: str) -> list[float]:
        """Give the next answers."""
        self.asked += questions
        return [self.answers[index] if index < len(self.answers) else math.nan for index in range(len(questions))]


class CannedGrading:
    """Stands in for the grading of a package: says what it was told to, and keeps what it was asked.

    Attributes:
        grade: What it finds; by default every part answers.
        needs: What it says of needs-more-than-grader.
        folder: The package it was given, which is gone by now.
        files: What lay in it.
        parts: Names of what was to be asked.
        beside: Data sets, by where they lie beside the package.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of the real one."""
        from unsilent import grading
        from unsilent.outcome import passed

        self.grade: Grade | None = None
        self.needs = passed("needs-more-than-grader", "submission")
        self.folder: Path | None = None
        self.files: set[str] = set()
        self.parts: list[str] = []
        self.beside: Mapping[str, Path] = {}
        monkeypatch.setattr(grading, "grade", self._grade)
        monkeypatch.setattr(grading, "check_needs", lambda _: self.needs)

    def _grade(
        self,
        folder: Path,
        parts: Sequence[Part],
        questions: Sequence[str],
        *,
        bounds: object,
        beside: Mapping[str, Path],
    ) -> Grade:
        from unsilent.grading import Grade, PartGrade

        assert bounds
        self.folder, self.parts, self.beside = folder, [part.name for part in parts], beside
        self.files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        answers = (300.0,) * len(questions)
        return self.grade or Grade({name: PartGrade(name, 9, 1.0, 2.0, answers) for name in self.parts})


TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc_per_node=2")
# with --cpu accelerate starts one process, whatever the number; so it is told to look for GPUs, and finds none
ACCELERATE = (
    *("accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1", "--main_process_port=0"),
    *("--mixed_precision=no", "--dynamo_backend=no"),
)


def start_two(*arguments: str, launcher: Sequence[str] = TORCHRUN, **variables: str) -> Any:  # noqa: ANN401
    """Start two processes that train together on the CPU, one thread each; their output and status.

    Args:
        *arguments: A script, or ``-m`` and a module, with its own arguments.
        launcher: What starts them.
        **variables: Of the environment.
    """
    root = Path(__file__).parents[1]
    paths = os.pathsep.join(map(str, (root, root / "tests")))
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    # the caller asks for the status; a hang must end some time
    return subprocess.run(
        [sys.executable, "-m", *launcher, *arguments],
        env={**os.environ, **own, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def train_tiny(base: Path, output_dir: Path, **options: Any) -> Any:  # noqa: ANN401 - fields of TrainingConfig
    """Train an adapter on the tiny base for a few steps, in fp32."""
    from homework import sft
    from homework.configuration import TrainingConfig

    return sft.train_only(
        TrainingConfig.from_options(str(output_dir), {**TINY_SETTINGS, "checkpoint": str(base), **options})
    )


def write_reasoning_base(folder: Path, steps: int = 40) -> Path:
    """Save a tiny base that, asked as ``short_worked_examples`` leaves the prompt, reasons about ``REASONED_ROWS``.

    At temperature 1 most of its samples are right, and those about other questions are nonsense.
    """
    from homework.cot import CoTModel

    write_tiny_base(folder)
    llm = CoTModel(str(folder), dtype="fp32", device="cpu")
    llm.model.train()
    memorise(
        llm,
        REASONED_ROWS,
        steps,
        lambda question, _, reasoning: {"question": llm.format_prompt(question), "answer": reasoning},
    )
    llm.model.eval().save_pretrained(folder)
    return folder


def short_worked_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten examples are 1,500 tokens of a byte tokenizer; here the question stands alone."""
    from homework import cot

    monkeypatch.setattr(cot, "SYSTEM", "Convert.")
    monkeypatch.setattr(cot, "EXAMPLES", ())


@untraced()
def memorise(
    llm: Any,  # noqa: ANN401 - a BaseLLM
    rows: Sequence[Any],
    steps: int = 120,
    format_fn: Callable[..., dict[str, str]] | None = None,
) -> float:
    """Train every weight of a tiny model on a few rows until it knows them; the loss on them is returned."""
    from homework.sft import format_example
    from homework.tokens import Collator, TokenizedDataset

    data = TokenizedDataset(llm.tokenizer, list(rows), format_fn or format_example)
    batch = Collator(llm.tokenizer.pad_token_id)([data[index] for index in range(len(data))])
    optimizer = torch.optim.AdamW(llm.model.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = llm.model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return float(loss.detach())


def write_sampled(
    path: Path,
    llm: Any,  # noqa: ANN401 - a BaseLLM
    *,
    temperature: float = 0.7,
    samples: int = 2,
    model: dict[str, Any] | None = None,
) -> list[list[Any]]:
    """Let a model write the reasoning for ``FIVE_ROWS``, as it comes, and record it; returns the rows."""
    from functools import partial

    from unsilent.provenance import (
        Draw,
        Round,
        make_provenance,
        provenance_bytes,
        row_hash,
        sidecar_of,
        text_hash,
        uniform,
    )
    from unsilent.redrawing import spelt

    says = {"base": "tiny", "config_sha256": "c", "dtype": "fp32", "adapter": None} | (model or {})
    made = Round(1, 42, temperature, samples, llm.max_new_tokens, says, type(llm).__name__)
    prompts = [llm.format_prompt(question) for question, _ in FIVE_ROWS]
    numbers = [[partial(uniform, made.seed, text_hash(prompt), n) for n in range(samples)] for prompt in prompts]
    rows: list[list[Any]] = []
    drawn: list[Draw] = []
    for index, completions in llm.complete(prompts, samples, temperature, draws=numbers):
        for sample, tokens in enumerate(completions):
            text = spelt(llm.tokenizer, tokens)
            rows.append([*FIVE_ROWS[index], text])
            hashes = text_hash(prompts[index]), text_hash(text)
            drawn.append(Draw(1, sample, *hashes, tuple(tokens), row_hash(*rows[-1])))
    path.write_text(json.dumps(rows))
    record = make_provenance(path.read_bytes(), [made], drawn, versions={})
    sidecar_of(path).write_bytes(provenance_bytes(record))
    return rows
