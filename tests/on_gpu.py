"""What the tests in ``tests/gpu`` share: marks, the device, base models, trainings that keep what they were made of.

Each of those tests is written so that it also runs on the CPU, where its content allows that, for one purpose: that no
slip of the pen is left for the first GPU to find. ``GPU_TESTS_DRY_RUN=1 python -m pytest -m gpu tests/gpu`` does so on
a machine without CUDA, on the tiny model, and says at its end that nothing was tested on a GPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import support
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from homework import sft, training
from homework.configuration import TrainingConfig
from homework.devices import BF16_CAPABILITY
from homework.tokens import Collator, TokenizedDataset

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
HAS_CUDA = torch.cuda.is_available()
GPUS = torch.cuda.device_count()
IS_DRY_RUN = not HAS_CUDA and os.environ.get("GPU_TESTS_DRY_RUN") == "1"
DEVICE = torch.device("cpu" if IS_DRY_RUN else "cuda")
HAS_AMPERE = HAS_CUDA and torch.cuda.get_device_capability() >= BF16_CAPABILITY

NO_CUDA = "no CUDA device on this machine"
# For a file: everything in it runs on CUDA, or dry.
needs_gpu = [pytest.mark.gpu, pytest.mark.skipif(not HAS_CUDA and not IS_DRY_RUN, reason=NO_CUDA)]
# For a test that has no meaning on a CPU.
needs_cuda = pytest.mark.skipif(not HAS_CUDA, reason=NO_CUDA)

# SmolLM2-360M, the course's model: shapes of its published configuration.
COURSE_SHAPE: dict[str, Any] = {
    "hidden_size": 960,
    "intermediate_size": 2560,
    "num_hidden_layers": 32,
    "num_attention_heads": 15,
    "num_key_value_heads": 5,
    "head_dim": 64,
    "vocab_size": 49_152,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}

# Every way to compute that a person can ask for. TF32 is fp32 with matrix products of ten bits.
PRECISIONS: Mapping[str, Mapping[str, Any]] = {
    "bf16": {"precision": "bf16"},
    "tf32": {"precision": "fp32", "tf32": True},
    "fp32": {"precision": "fp32", "tf32": False},
    "fp16": {"precision": "fp16"},
}

# Loads an adapter where nothing is left of the process that trained it.
RELOAD = """
import json, sys
from homework import sft
from unsilent.parity import check_reload
llm = sft.load(sys.argv[1])
weight = next(llm.model.parameters())
logits = check_reload(json.load(open(sys.argv[1] + "/manifest.json"))["logits"], llm.model)
said = {"device": weight.device.type, "dtype": str(weight.dtype), "logits": f"{logits.status} {logits.message}".strip()}
print(json.dumps(said | {"answers": llm.answer(*sys.argv[2:])}))
"""


def options_of(precision: str) -> dict[str, Any]:
    """Training options of a precision; skips where this device does not compute in it."""
    if precision == "fp16" and not HAS_CUDA:
        pytest.skip("fp16 is trained on CUDA only")
    if precision in {"bf16", "tf32"} and HAS_CUDA and not HAS_AMPERE:
        pytest.skip(f"{precision} came with compute capability 8.0, and this GPU has less")
    return dict(PRECISIONS[precision])


def write_course_base(folder: Path, **shape: int) -> Path:
    """A SmolLM2-360M with random weights that was taught five rows; on the CPU the tiny model in its place.

    Taught, because a random model has no idea that an answer is a number, and a short training of an adapter on top
    would not change that.
    """
    torch.manual_seed(0)
    if IS_DRY_RUN and not shape:
        model = support.tiny_model()
    else:
        with DEVICE:
            model = LlamaForCausalLM(LlamaConfig(**COURSE_SHAPE | shape))
    teach(model, lr=1e-2 if IS_DRY_RUN and not shape else 1e-3)
    model.to(torch.bfloat16 if DEVICE.type == "cuda" else torch.float32).save_pretrained(folder)
    support.tiny_tokenizer().save_pretrained(folder)
    return folder


def teach(model: LlamaForCausalLM, *, lr: float, most: int = 150, enough: float = 0.05) -> list[float]:
    """Train every weight on ``support.FIVE_ROWS`` until they are known; the losses."""
    tokenizer = support.tiny_tokenizer()
    data = TokenizedDataset(tokenizer, support.FIVE_ROWS, sft.format_example)
    batch = {name: value.to(model.device) for name, value in Collator(tokenizer.pad_token_id)(data.items).items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    losses = [float("inf")]
    while len(losses) <= most and losses[-1] > enough:
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses[1:]


def write_long_rows(folder: Path, rows: int = 256) -> Path:
    """Rows of nearly 128 bytes, and so of as many tokens for the tiny tokenizer: what the batch plan is made for."""
    folder.mkdir(parents=True)
    content = [(f"How many cm are {number} m? ".ljust(100, "?"), 100.0 * number) for number in range(1, rows + 1)]
    for split in ("train", "valid"):
        (folder / f"{split}.json").write_text(json.dumps(content))
    return folder


def train(base: str, folder: Path, **options: Any) -> tuple[training.TrainingResult, bool]:  # noqa: ANN401 - fields of TrainingConfig
    """Train on ``base``; the result, and whether the frozen base is bit for bit what it was."""
    held: list[tuple[Any, dict[str, torch.Tensor]]] = []

    class Kept(sft.SFTModel):
        """Remembers what its base was loaded as."""

        def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
            super().__init__(*arguments, **named)
            # on the host: the peak memory of the run is measured
            before = {name: weight.detach().to("cpu", copy=True) for name, weight in self.model.named_parameters()}
            held.append((self, before))

    settings: dict[str, Any] = {
        "checkpoint": base,
        "epochs": 8,
        "max_steps": 40,
        "max_length": 200,
        "rank": 8,
        "effective_batch": 8,
        "lr": 5e-3,
        "warmup_steps": 0,
        "logging_steps": 1,
    }
    config = TrainingConfig.from_options(str(folder), settings | options)
    result = training.train(config, sft.format_example, Kept)
    llm, before = held[-1]
    after = {plain_name(name): weight.cpu() for name, weight in llm.model.named_parameters() if "lora_" not in name}
    same = after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)
    held.clear()
    return result, same


def plain_name(name: str) -> str:
    """A base parameter's name without what PEFT puts around it."""
    return name.removeprefix("base_model.model.").replace(".base_layer", "")


def manifest_of(folder: Path) -> dict[str, Any]:
    """What a run wrote down."""
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return content


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """The adapter on disk."""
    from safetensors.torch import load_file

    return {name: weight.float() for name, weight in load_file(folder / "adapter_model.safetensors").items()}


def reload_elsewhere(folder: Path, *questions: str) -> dict[str, Any]:
    """Load an adapter in a new process: its answers, its device, the dtype of its base, the outcome on its logits."""
    command = [sys.executable, "-c", RELOAD, str(folder), *questions]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
