"""One injector for each failure: the only place that knows how to break things.

An injector changes one thing in a healthy set-up and returns nothing, or a way back. A check may not read its name,
a marker or its arguments: it must find the failure by its effect.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from homework.base_llm import BaseLLM
    from homework.tokens import Tokens


def pad_on_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """[padding-side] Generation pads after the prompt instead of before it."""
    import torch

    from homework import base_llm

    def right_pad(sequences: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
        length = max(len(sequence) for sequence in sequences)
        return (
            torch.tensor([list(sequence) + [pad] * (length - len(sequence)) for sequence in sequences]),
            torch.tensor([[1] * len(sequence) + [0] * (length - len(sequence)) for sequence in sequences]),
        )

    monkeypatch.setattr(base_llm, "left_pad", right_pad)


def parse_nothing_as_zero(llm: BaseLLM) -> None:
    """[answer-rate-inflated] A completion without a number is read as 0.0."""
    real = llm.parse_answer

    def parse(text: str) -> float:
        value = real(text)
        return 0.0 if math.isnan(value) else value

    llm.parse_answer = parse  # type: ignore[method-assign] # the fault


def mask_every_label(items: list[Tokens]) -> None:
    """[labels-all-masked] Every label of every row is -100."""
    for item in items:
        item["labels"] = [-100] * len(item["labels"])


def corrupt_byte(path: Path, offset: int = -1) -> None:
    """[adapter-corrupt] Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(bytes(content))


def put_nan_into(model: Any, name: str) -> None:  # noqa: ANN401 - any torch module
    """[nan-grad-norm] One weight of the named parameter is NaN."""
    parameter = dict(model.named_parameters())[name]
    parameter.data.view(-1)[0] = float("nan")


def rename_keys(path: Path) -> None:
    """[adapter-keys-ignored] Every key of a weight file has another prefix."""
    from safetensors.torch import load_file, save_file

    save_file({f"other.{name}": tensor for name, tensor in load_file(path).items()}, path)


def forget_training(folder: Path, keep: str = "nothing") -> None:
    """[adapter-untrained] The weights are those of a fresh adapter: every lora_B zero, but for the one to keep."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name: tensor * ("lora_B" not in name or keep in name) for name, tensor in load_file(path).items()}, path)


def unfreeze_base(model: Any, ending: str = "norm.weight") -> str:  # noqa: ANN401 - any torch module
    """[base-not-frozen] One weight of the base requires a gradient; its name is returned."""
    name = next(str(name) for name, _ in model.named_parameters() if name.endswith(ending))
    model.get_parameter(name).requires_grad_(True)
    return name


def rename_tensors(folder: Path, old: str, new: str) -> None:
    """[adapter-keys-ignored] Part of every key is another word."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name.replace(old, new): tensor for name, tensor in load_file(path).items()}, path)


def hold_in_fp16(model: Any) -> Any:  # noqa: ANN401 - any torch module
    """[fp16-unguarded] Every weight, the adapter's too, is fp16, and nothing scales the gradients."""
    return model.half()


def plan_without_looking(rows: int = 32) -> tuple[int, int]:
    """[micro-batch-too-large] The reports' plan: as many rows as an optimizer step has, on any device."""
    return rows, 1


def grow_micro_batch_alone(micro_batch_size: int, accumulation_steps: int) -> tuple[int, int]:
    """[micro-batch-too-large] The micro-batch is doubled and accumulation is not halved."""
    return 2 * micro_batch_size, accumulation_steps


def enlarge_activations(model: Any, factor: float = 3e4) -> None:  # noqa: ANN401 - a Llama
    """[dtype-mismatch] Activations of one layer pass 65504: harmless in fp32, inf and NaN in fp16."""
    model.model.layers[0].mlp.up_proj.weight.data.mul_(factor)


def save_in_fp16(folder: Path) -> None:
    """[dtype-mismatch] The tensors on disk are fp16, the manifest says fp32."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path)


def look_for_bin_alone(folder: Path) -> bool:
    """[adapter-format] The reports' finder: an adapter is a file called ``adapter_model.bin``."""
    return (folder / "adapter_model.bin").is_file()


def rename_weights(folder: Path, name: str = "pytorch_model.bin") -> None:
    """[adapter-format] The weights have a name that no adapter loader looks for."""
    (folder / "adapter_model.safetensors").rename(folder / name)


def create_when_missing(base: Path, folder: Path) -> Any:  # noqa: ANN401 - a PEFT model
    """[adapter-missing] The reports' loader: where there is no adapter, it makes one and goes on."""
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    if not (folder / "adapter_config.json").is_file():
        fresh = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
        fresh.save_pretrained(folder, save_embedding_layers=False)
        model = AutoModelForCausalLM.from_pretrained(base)
    return PeftModel.from_pretrained(model, str(folder))


def overwrite_with(folder: Path, model: Any) -> None:  # noqa: ANN401 - a PEFT model
    """[adapter-overwritten] Another adapter is saved over the one that is there."""
    model.save_pretrained(folder, save_embedding_layers=False)


def resolve_against_the_package(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    """[nested-output-dir] The reports' way with paths: every relative one is put below the package."""
    from homework import training

    monkeypatch.setattr(training, "locate", lambda name: package / name)


def pass_torch_dtype(base: Path, dtype: Any) -> Any:  # noqa: ANN401 - a dtype, a model
    """[deprecated-dtype-argument] transformers 5 is called with the name that 4 took."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base, torch_dtype=dtype)


def swallow_dtype(base: Path, **options: Any) -> Any:  # noqa: ANN401 - whatever a caller passes
    """[deprecated-dtype-argument] A loader of one's own that knows the other name only, and drops this one."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base, dtype=options.get("torch_dtype"))


def drop_tensors(folder: Path, part: str = "layers.1.") -> None:
    """[reload-mismatch] Tensors of one layer are lost between save and load."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name: tensor for name, tensor in load_file(path).items() if part not in name}, path)


def cut_rows(items: list[Tokens], max_length: int) -> None:
    """[answers-truncated] Every row ends after ``max_length`` tokens, answer or not."""
    for item in items:
        for name, values in item.items():
            item[name] = values[:max_length]


def mask_padding_by_id(collate: Any, pad: int) -> Any:  # noqa: ANN401 - any collator
    """[eos-never-learnt] A collator of one's own that masks whatever equals the padding token."""

    def masked(rows: list[Any]) -> Any:  # noqa: ANN401 - a batch
        batch = collate(rows)
        batch["labels"] = batch["labels"].masked_fill(batch["labels"] == pad, -100)
        return batch

    return masked


def shift_labels(items: list[Tokens]) -> None:
    """[labels-preshifted] Labels are moved by one before the model moves them."""
    for item in items:
        item["labels"] = [*item["labels"][1:], -100]


def tokenize_templated_text(tokenizer: Any) -> Any:  # noqa: ANN401 - a tokenizer
    """[double-bos] The tokenizer adds a begin token to text whose template has begun with one already."""
    from tokenizers import processors

    tokenizer._tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{tokenizer.bos_token} $A", special_tokens=[(tokenizer.bos_token, tokenizer.bos_token_id)]
    )
    return tokenizer


def shuffle_labels(rows: list[dict[str, list[int]]], seed: int = 1) -> list[dict[str, list[int]]]:
    """[loss-not-decreasing] Every row has the label of another one."""
    labels = [row["labels"] for row in rows]
    random.Random(seed).shuffle(labels)
    return [{"input_ids": row["input_ids"], "labels": label} for row, label in zip(rows, labels, strict=True)]


def raise_learning_rate() -> dict[str, Any]:
    """[loss-diverging] A learning rate of 0.3, where 0.01 was meant."""
    return {"learning_rate": 0.3}


def let_gradients_explode() -> dict[str, Any]:
    """[gradient-explosion] A learning rate of 1.0 under an optimizer that follows it, and no clipping."""
    return {"learning_rate": 1.0, "optim": "rmsprop", "max_grad_norm": 0.0}


def hide_every_label(rows: list[dict[str, list[int]]]) -> list[dict[str, list[int]]]:
    """[zero-loss] No row has a label: Trainer logs a loss of 0.0."""
    return [{"input_ids": row["input_ids"], "labels": [-100] * len(row["labels"])} for row in rows]


def replace_nan_loss(monkeypatch: pytest.MonkeyPatch, value: float = 0.01) -> None:
    """[nan-masked] The old code's way: a loss that is NaN becomes a small constant without a gradient."""
    import torch
    from transformers import Trainer

    real = Trainer.compute_loss

    def compute_loss(self: Any, model: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as Trainer has it
        loss = real(self, model, *arguments, **options)
        return loss if torch.isfinite(loss) else torch.full_like(loss, value).detach().requires_grad_()

    monkeypatch.setattr(Trainer, "compute_loss", compute_loss)


def zero_nan_gradients(model: Any) -> None:  # noqa: ANN401 - any torch module
    """[nan-masked] The old code's other way: a gradient that is not finite becomes zero."""
    import torch

    for weight in model.parameters():
        if weight.requires_grad:
            weight.register_hook(lambda gradient: torch.where(torch.isfinite(gradient), gradient, 0.0))
