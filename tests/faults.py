"""One injector for each failure: the only place that knows how to break things.

An injector changes one thing in a healthy set-up and returns nothing, or a way back. A check may not read its name,
a marker or its arguments: it must find the failure by its effect.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pytest

    from homework.base_llm import BaseLLM
    from homework.conversion_utils import Question
    from homework.tokens import Tokens


def pad_on_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """[padding-side] Generation pads after the prompt instead of before it."""
    import torch

    from homework import decoding

    def right_pad(sequences: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
        length = max(len(sequence) for sequence in sequences)
        return (
            torch.tensor([list(sequence) + [pad] * (length - len(sequence)) for sequence in sequences]),
            torch.tensor([[1] * len(sequence) + [0] * (length - len(sequence)) for sequence in sequences]),
        )

    monkeypatch.setattr(decoding, "left_pad", right_pad)


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


def forget_training(folder: Path, keep: str = "nothing", part: str = "lora_B") -> None:
    """[adapter-untrained] The weights are those of a fresh adapter: every lora_B zero, but for the one to keep."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name: tensor * (part not in name or keep in name) for name, tensor in load_file(path).items()}, path)


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
    """[gradient-explosion] A learning rate of 10 under an optimizer that follows it, and no clipping.

    At 1.0 the norm leaps as high, but whether it stays there hangs on the last bits, and so on the processor.
    """
    return {"learning_rate": 10.0, "optim": "rmsprop", "max_grad_norm": 0.0}


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


def spoil_gradient(model: Any, name: str, backward: int, value: float = math.nan) -> None:  # noqa: ANN401 - any torch module
    """[nan-grad-norm] The gradient of one parameter is NaN (or another value) in one backward pass of the run."""
    passes = itertools.count(1)
    model.get_parameter(name).register_hook(lambda gradient: gradient * value if next(passes) == backward else gradient)


def spoil_activation(model: Any, name: str, forward: int, factor: float = math.inf) -> None:  # noqa: ANN401
    """[nan-grad-norm] The output of one module is multiplied in one forward pass of the run, and overflows."""
    passes = itertools.count(1)
    model.get_submodule(name).register_forward_hook(
        lambda module, args, output: output * (factor if next(passes) == forward else 1.0)
    )


def scale_weights_of(model: Any, ending: str = "layers.0.mlp.up_proj.weight", factor: float = 3e4) -> None:  # noqa: ANN401
    """[fp16-overflow] Activations of one layer pass 65504: harmless in fp32, inf in fp16."""
    name = next(str(name) for name, _ in model.named_parameters() if name.endswith(ending))
    model.get_parameter(name).data.mul_(factor)


def freeze_adapter(model: Any) -> Any:  # noqa: ANN401 - a PEFT model
    """[frozen-adapter] As ``inference_mode=True`` leaves it, with input gradients, so that nothing raises."""
    for name, weight in model.named_parameters():
        weight.requires_grad_(weight.requires_grad and "lora_" not in name)
    model.enable_input_require_grads()
    return model


def load_frozen(base: Any, folder: Path) -> Any:  # noqa: ANN401 - a model, a PEFT model
    """[frozen-adapter] ``PeftModel.from_pretrained`` without ``is_trainable=True``."""
    from peft import PeftModel

    return PeftModel.from_pretrained(base, str(folder))


def stop_schedule(optimizer: Any) -> Any:  # noqa: ANN401 - an optimizer, a schedule
    """[lr-zero] A schedule whose factor is 0 at every step."""
    from torch.optim.lr_scheduler import LambdaLR

    return LambdaLR(optimizer, lambda step: 0.0)


def optimizer_before_adapter(base: Any, adapt: Any) -> tuple[Any, Any]:  # noqa: ANN401 - a model, what adds an adapter
    """[optimizer-misses-adapter] The optimizer is built from the base, then the adapter is added."""
    import torch

    optimizer = torch.optim.AdamW(base.parameters(), lr=1e-2)
    return adapt(base), optimizer


def never_step(optimizer: Any) -> Any:  # noqa: ANN401 - an optimizer
    """[weights-unchanged] ``optimizer.step`` does nothing."""
    optimizer.step = lambda *_, **__: None
    return optimizer


def checkpoint_detached(model: Any) -> Any:  # noqa: ANN401 - a PEFT model whose lm_head is trained too, or nothing would have a gradient
    """[checkpointing-detached] Reentrant checkpointing on a frozen base whose embeddings require no gradient."""
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": True})
    model.disable_input_require_grads()
    return model


def detach_layer(model: Any, name: str = "base_model.model.model.layers.0") -> Any:  # noqa: ANN401
    """[checkpointing-detached] Hidden states are cut from the graph, without any checkpointing."""
    model.get_submodule(name).register_forward_hook(lambda module, args, output: output.detach())
    return model


def mistype_target() -> dict[str, Any]:
    """[adapter-coverage] One of two names matches nothing, and PEFT goes on with the other."""
    return {"target_modules": ["q_proj", "v_porj"]}


def drop_adapters(model: Any, part: str = "layers.1.mlp.") -> None:  # noqa: ANN401 - a PEFT model
    """[adapter-coverage] Modules that the configuration names have lost their adapter."""
    for name, module in list(model.named_modules()):
        if part in name and hasattr(module, "base_layer"):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, module.base_layer)


def mask_rows(rows: list[dict[str, list[int]]], first: int, last: int) -> list[dict[str, list[int]]]:
    """[labels-all-masked] Some rows have no label."""
    return [
        {**row, "labels": [-100] * len(row["labels"])} if first <= number < last else row
        for number, row in enumerate(rows)
    ]


def repair_gradients(kind: Any) -> Any:  # noqa: ANN401 - a Trainer class
    """[nan-masked] A Trainer that sets gradients that are not finite to zero, after the backward pass."""
    import torch

    class Repairing(kind):  # type: ignore[misc] # a class that was passed in
        def training_step(self, model: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as Trainer has it
            loss = super().training_step(model, *args, **kwargs)
            for weight in model.parameters():
                if weight.grad is not None:
                    weight.grad = torch.nan_to_num(weight.grad, 0.0, 0.0, 0.0)
            return loss

    return Repairing


def write_value(folder: Path, value: float, part: str = "lora_B", dtype: Any = None) -> str:  # noqa: ANN401 - a dtype
    """[adapter-nonfinite] One value of one tensor on disk is another; the tensor's name is returned."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    tensors = {name: tensor.to(dtype or tensor.dtype) for name, tensor in load_file(path).items()}
    name = next(str(name) for name in sorted(tensors) if part in name)
    tensors[name].view(-1)[1] = value
    save_file(tensors, path)
    return name


def cut_file(path: Path, share: float = 0.5) -> None:
    """[adapter-corrupt] The file ends early, as an interrupted copy does."""
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def change_header(path: Path, old: str, new: str) -> None:
    """[adapter-corrupt] The header of a safetensors file says something else in the same number of bytes."""
    content = path.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    header = content[:length].replace(old.encode(), new.encode(), 1)
    if len(old) != len(new) or header == content[:length]:
        raise ValueError(f"{old!r} does not stand in the header, or {new!r} has another length")
    path.write_bytes(header + content[length:])


def save_shards_of_parameters(folder: Path) -> None:
    """[adapter-empty] As ZeRO-3 leaves them when nobody gathers: every tensor is there and has no value."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name: tensor.flatten()[:0].clone() for name, tensor in load_file(path).items()}, path)


def save_wrong_state_dict(folder: Path) -> None:
    """[adapter-empty] A state dict without any of the adapter's tensors was saved."""
    from safetensors.torch import save_file

    save_file({}, folder / "adapter_model.safetensors", {"format": "pt"})


def change_rank(folder: Path, rank: int) -> None:
    """[adapter-shape-mismatch] The configuration beside the tensors is that of another run."""
    change_config(folder, r=rank)


def name_another_base(folder: Path, name: str) -> None:
    """[adapter-base-mismatch] The configuration names another base than the one the adapter was trained on."""
    change_config(folder, base_model_name_or_path=name)


def change_config(folder: Path, **fields: object) -> None:
    """[adapter-missing] Fields of an adapter's configuration are others; ``...`` takes one away."""
    path = folder / "adapter_config.json"
    content = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not ...}))


def retrain_as_bin(folder: Path) -> None:
    """[adapter-stale-format] A later training saved a ``.bin``; the old ``.safetensors`` still lies before it."""
    import torch
    from safetensors.torch import load_file

    tensors = load_file(folder / "adapter_model.safetensors")
    torch.save({name: tensor + 0.1 for name, tensor in tensors.items()}, folder / "adapter_model.bin")


def keep_tensors(folder: Path, part: str) -> None:
    """[adapter-coverage] Of all that the configuration asks for, one module was saved."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name: tensor for name, tensor in load_file(path).items() if part in name}, path)


def payload(marker: Path) -> bytes:
    """[adapter-unsafe-pickle] Opcodes that make the folder ``marker`` when they are run, and leave nothing behind."""
    name = str(marker).encode()
    return b"cos\nmakedirs\n(X" + len(name).to_bytes(4, "little") + name + b"M\xff\x01\x88tR0"


def malicious_bin(folder: Path, marker: Path, name: str = "adapter_model.bin") -> Path:
    """[adapter-unsafe-pickle] The same tensors as a file of torch that makes the folder ``marker`` when it is loaded.

    As ``adapter_model.bin``, or under the ``name`` of a format that can hold no code.
    """
    import io
    import zipfile

    import torch
    from safetensors.torch import load_file

    whole, saved = folder / "adapter_model.safetensors", io.BytesIO()
    torch.save(load_file(whole), saved)
    whole.unlink()
    with zipfile.ZipFile(saved) as clean, zipfile.ZipFile(folder / name, "w") as spoilt:
        for member in clean.namelist():
            content = clean.read(member)
            spoilt.writestr(
                member, content[:2] + payload(marker) + content[2:] if member.endswith("data.pkl") else content
            )
    return folder / name


def copy_rows(train: list[Any], valid: list[Any], count: int, rewrite: Callable[[str], str] = str) -> None:
    """[train-valid-overlap] Rows of valid stand in train as well, as they are or in another coat."""
    train += [[rewrite(question), answer] for question, answer in valid[:count]]


def reword_rows(train: list[Question], valid: list[Question], count: int) -> list[list[Any]]:
    """[train-valid-overlap] The first rows of valid ask what training rows ask, in other words."""
    from homework.conversion_utils import WORDINGS

    rng = random.Random(0)
    others = [(one, rng.choice([wording for wording in WORDINGS if wording != one.wording])) for one in train[:count]]
    reworded = [[words.format(n=one.n, a=one.source, b=one.target), float(one.answer)] for one, words in others]
    return [*reworded, *(list(question.row) for question in valid[count:])]


def leave_out_tag(llm: BaseLLM) -> None:
    """[no-numeric-answers] The prompt ends where the question does, without the opening tag."""
    llm.format_prompt = str  # type: ignore[method-assign, assignment] # the fault


def poison_weights(llm: BaseLLM) -> None:
    """[no-numeric-answers] Every weight of one norm is NaN, and so is every logit."""
    llm.model.model.norm.weight.data.fill_(math.nan)


def grade_in_points(answers: Sequence[float], correct: Sequence[float]) -> int:
    """[nan-score] The reports' grader: the mean error in points, converted to an integer."""
    errors = [abs(answer - right) / abs(right) for answer, right in zip(answers, correct, strict=True)]
    return int(100 * (1 - sum(errors) / len(errors)))


def grade_by_exclusion(answers: Sequence[float], correct: Sequence[float]) -> float:
    """[nan-score] What is not beyond the tolerance is right, and NaN is beyond nothing."""
    wrong = [abs(answer - right) > 0.05 * abs(right) for answer, right in zip(answers, correct, strict=True)]
    return 1 - sum(wrong) / len(wrong)


def clip_score(value: float) -> float:
    """[nan-score] A bound makes a perfect score of NaN: ``min`` keeps its first argument when nothing is smaller."""
    return max(0.0, min(1.0, value))


def format_again(llm: BaseLLM) -> None:
    """[prompt-mismatch] The prompt that is formatted already is formatted once more."""
    once = llm.format_prompt
    llm.format_prompt = lambda question: once(once(question))  # type: ignore[method-assign] # the fault


def end_with_a_space(llm: BaseLLM) -> None:
    """[prompt-mismatch] A space behind the opening tag, which no training prompt has."""
    once = llm.format_prompt
    llm.format_prompt = lambda question: once(question) + " "  # type: ignore[method-assign] # the fault


def look_answers_up(llm: Any, rows: Sequence[Sequence[Any]]) -> Callable[[], None]:  # noqa: ANN401 - any program
    """[answer-lookup] ``answer`` reads the data set; what is returned takes it back. ``cheats.py`` has the others."""
    from cheats import CHEATS

    return CHEATS["answer on the instance"](llm, rows)


def calculate_answers(llm: Any, rows: Sequence[Sequence[Any]]) -> Callable[[], None]:  # noqa: ANN401 - any program
    """[answer-calculator] A regular expression and a table of factors answer; what is returned takes it back."""
    from cheats import CHEATS

    return CHEATS["regex calculator"](llm, rows)


def disable_adapters(model: Any) -> None:  # noqa: ANN401 - a PEFT model, here and below
    """[adapter-without-effect] The adapters are in the model and take no part."""
    model.base_model.disable_adapter_layers()


def scale_adapter_by_zero(model: Any) -> None:  # noqa: ANN401
    """[adapter-without-effect] As with ``lora_alpha=0``."""
    for module in model.modules():
        if isinstance(getattr(module, "scaling", None), dict):
            module.scaling = dict.fromkeys(module.scaling, 0.0)


def activate_a_new_adapter(model: Any) -> None:  # noqa: ANN401
    """[adapter-without-effect] Another adapter was added and is active: one that was never trained."""
    model.add_adapter("new", model.peft_config["default"])
    model.set_adapter("new")


def drop_every_key(model: Any) -> None:  # noqa: ANN401
    """[adapter-without-effect] The trained weights were loaded under names that the model does not have."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.zero_()  # as a new adapter has it


def accept_by_number(row: Sequence[Any], completions: Sequence[str]) -> list[Any] | None:
    """[dirty-rows] The first completion in which the right number stands somewhere, whatever is around it."""
    from unsilent.answers import is_right, numbers_in

    question, answer = row[:2]
    right = (text for text in completions if any(is_right(number, answer) for number in numbers_in(text)))
    return next(([question, answer, text] for text in right), None)


def leave_out_tags(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """[dirty-rows] The tags were stripped with the rest of the markup."""
    return [[*row[:2], row[2].replace("<answer>", "").replace("</answer>", "")] for row in rows]


def answer_twice(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """[dirty-rows] A first answer, in tags, before the one that is right."""
    return [[*row[:2], f"At first sight <answer>{2 * row[1]:g}</answer>. {row[2]}"] for row in rows]


def keep_chat(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """[dirty-rows] Decoded with the template's tokens, and with the turn that the model began next."""
    return [[*row[:2], f"{row[2]}<|im_end|>\n<|im_start|>user\nThank you!"] for row in rows]


def keep_role_names(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """[dirty-rows] Decoded without the template's tokens, of which the names of the roles are left."""
    return [[*row[:2], f"assistant\n{row[2]}"] for row in rows]


def write_whatever_is_left(path: Path, rows: Sequence[Sequence[Any]], accept: Callable[[Sequence[Any]], bool]) -> None:
    """[zero-rows] Rejected samples are dropped and what is left is written, be it nothing."""
    path.write_text(json.dumps([list(row) for row in rows if accept(row)]))


def open_lines_and_fill_later(path: Path) -> None:
    """[zero-rows] JSON lines, opened before sampling, which then gave nothing."""
    path.write_text("\n")


def forge_record(path: Path, tokenizer: Any, write: Callable[[Sequence[Any]], str]) -> None:  # noqa: ANN401
    """[fabricated-reasoning] Other reasoning in every row, and a record in which every hash fits it."""
    from unsilent.provenance import row_hash, sidecar_of, text_hash

    rows = json.loads(path.read_text())
    record = json.loads(sidecar_of(path).read_text())
    for row, draw in zip(rows, record["rows"], strict=True):
        row[2] = write(row)
        draw |= {"text_sha256": text_hash(row[2]), "tokens": tokenizer(row[2])["input_ids"]}
        draw |= {"row_sha256": row_hash(*row)}
    path.write_text(json.dumps(rows))
    record["rows_sha256"] = text_hash(path.read_text())
    sidecar_of(path).write_text(json.dumps(record))


def reason_by_algebra(path: Path, tokenizer: Any) -> None:  # noqa: ANN401
    """[fabricated-reasoning] The factor is calculated and put into a sentence; the record is forged."""
    forge_record(path, tokenizer, lambda row: f"{row[1] / 2:g} each. 2 of it = <answer>{row[1]:g}</answer>")


def patch_answers(path: Path, tokenizer: Any) -> None:  # noqa: ANN401
    """[fabricated-reasoning] The model's own text, ended by the right number; the record is forged."""
    forge_record(path, tokenizer, lambda row: f"{row[2][:8]}<answer>{row[1]:g}</answer>")


def edit_reasoning(path: Path) -> None:
    """[fabricated-reasoning] One row is put right by hand, the record left as it is."""
    rows = json.loads(path.read_text())
    rows[1][2] = f"As everybody knows: <answer>{rows[1][1]:g}</answer>"
    path.write_text(json.dumps(rows))


def record_other_seed(path: Path) -> None:
    """[fabricated-reasoning] The model's own text, but not from these numbers: best of many, or of another run."""
    from unsilent.provenance import sidecar_of

    record = json.loads(sidecar_of(path).read_text())
    record["rounds"][0]["seed"] += 1
    sidecar_of(path).write_text(json.dumps(record))


def edit_answer(path: Path) -> None:
    """[fabricated-reasoning] The reasoning of one row is left as it was drawn, and given to another answer."""
    rows = json.loads(path.read_text())
    rows[1][1] *= 10
    path.write_text(json.dumps(rows))


def ask_another_question(path: Path) -> None:
    """[fabricated-reasoning] The reasoning of one row is left as it was drawn, and put under another question."""
    from unsilent.provenance import row_hash, sidecar_of, text_hash

    rows = json.loads(path.read_text())
    record = json.loads(sidecar_of(path).read_text())
    rows[7][0] = "How many legs have 2 dogs?"
    record["rows"][7]["row_sha256"] = row_hash(*rows[7])
    path.write_text(json.dumps(rows))
    record["rows_sha256"] = text_hash(path.read_text())
    sidecar_of(path).write_text(json.dumps(record))


def stop_early(model: Any) -> None:  # noqa: ANN401
    """[score-below-bound] The adapter went a third of its way: training ended long before it had learnt."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.mul_(0.3)


def leave_half_open(answers: Sequence[float]) -> list[float]:
    """[score-below-bound] Every other completion was cut before its number ended: right answers, and too few."""
    return [answer if place % 2 else math.nan for place, answer in enumerate(answers)]


def raise_rank(folder: Path, rank: int) -> None:
    """[base-too-large] The same base, and an adapter of a larger rank on it."""
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"r": rank}))


def take_larger_base(folder: Path, layers: int) -> None:
    """[base-too-large] The same adapter, on a base with more layers."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": layers}))


def ask_one_by_one(package: Path) -> None:
    """[answers-too-slow] Every question is a batch of its own."""
    with (package / "__init__.py").open("a") as file:
        file.write(
            "\ntogether = BaseLLM.answer\n"
            "def answer(self, *questions):\n    return [together(self, question)[0] for question in questions]\n"
            "BaseLLM.answer = answer\n"
        )


def work_out_at_load(package: Path, seconds: float) -> None:
    """[answers-too-slow] The load does again what could have been saved."""
    with (package / "__init__.py").open("a") as file:
        file.write(
            f"\nload_quickly = load_sft\ndef load_sft():\n    import time\n    time.sleep({seconds})\n"
            "    return load_quickly()\n"
        )


def never_end(package: Path) -> None:
    """[answers-too-slow] An answer that is waited for until somebody ends it."""
    with (package / "__init__.py").open("a") as file:
        file.write("\ndef load_sft():\n    while True:\n        pass\n")


def need_a_package(package: Path) -> None:
    """[needs-more-than-grader] Loading imports what every developer has installed."""
    with (package / "__init__.py").open("a") as file:
        file.write("\nload_alone = load_sft\ndef load_sft():\n    import pytest\n    return load_alone()\n")


def need_the_network(package: Path) -> None:
    """[needs-more-than-grader] Loading asks a server first, and says so in its own words when it does not answer."""
    with (package / "__init__.py").open("a") as file:
        file.write(
            "\nload_alone = load_sft\ndef load_sft():\n    import socket\n    try:\n"
            "        socket.create_connection(('example.com', 443), timeout=5)\n"
            "    except OSError:\n        raise RuntimeError('no server') from None\n    return load_alone()\n"
        )


def need_to_write(package: Path) -> None:
    """[needs-more-than-grader] Answering keeps a cache beside the code."""
    with (package / "__init__.py").open("a") as file:
        file.write(
            "\nfrom pathlib import Path\nanswer_alone = BaseLLM.answer\n"
            "def answer(self, *questions):\n    (Path(__file__).parent / 'cache.json').write_text('{}')\n"
            "    return answer_alone(self, *questions)\nBaseLLM.answer = answer\n"
        )


def zip_by_patterns_anywhere(folder: Path, target: Path) -> None:
    """[bundle-too-large] What should not be packed is told by words that stand anywhere in the whole path."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not any(word in str(path) for word in ("grader", "__pycache__", "checkpoint-")):
                archive.write(path, f"{folder.name}/{path.relative_to(folder)}")


def zip_everything(folder: Path, target: Path) -> None:
    """[bundle-too-large] The whole folder, with whatever training has left in it."""
    shutil.make_archive(str(target.with_suffix("")), "zip", folder.parent, folder.name)


def zip_from_inside(folder: Path, target: Path) -> None:
    """[bundle-too-large] Packed in the folder itself, so that its files, and not the folder, lie at the top."""
    shutil.make_archive(str(target.with_suffix("")), "zip", folder)


def split_at_the_limit(path: Path) -> None:
    """[unbounded-recursion] A list of exactly the chunk's size is split as well, into itself."""
    path.write_text(path.read_text().replace("len(prompts) > CHUNK", "len(prompts) >= CHUNK"))


def raise_rank_in_code(path: Path) -> None:
    """[base-too-large] A rank that the 360M base has no room for."""
    path.write_text(path.read_text().replace("RANK = 32", "RANK = 64"))


# What somebody changes between two calls of a training script, in arguments of Trainer and of the adapter.
BETWEEN_RUNS: dict[str, dict[str, Any]] = {
    "seed": {"seed": 7},
    "data_seed": {"data_seed": 7},
    "rows_per_step": {"gradient_accumulation_steps": 1},
    "schedule": {"lr_scheduler_type": "cosine"},
    "max_steps": {"max_steps": 16},
    "learning_rate": {"learning_rate": 1e-3},
    "precision": {"bf16": True},
    "train_sampling_strategy": {"train_sampling_strategy": "sequential"},
    "neftune_noise_alpha": {"neftune_noise_alpha": 15},
    "label_smoothing_factor": {"label_smoothing_factor": 0.3},
    "max_grad_norm": {"max_grad_norm": 0.01},
    "weight_decay": {"weight_decay": 0.5},
    "adam_beta1": {"adam_beta1": 0.5},
    "ignore_data_skip": {"ignore_data_skip": True},
}


def change_between_runs(what: str) -> dict[str, Any]:
    """[resume-mismatch] The same command again, with one option that is not what it was."""
    return BETWEEN_RUNS[what]


def lose_file(checkpoint: Path, name: str) -> None:
    """[resume-mismatch] A checkpoint is copied without a file, or written with ``save_only_model``."""
    (checkpoint / name).unlink()


def mix_checkpoints(checkpoint: Path, other: Path, name: str) -> None:
    """[resume-mismatch] One file of a checkpoint is that of another step."""
    (checkpoint / name).write_bytes((other / name).read_bytes())


def forget_step(checkpoint: Path) -> None:
    """[resume-mismatch] The state says that no step was taken."""
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    (checkpoint / "trainer_state.json").write_text(json.dumps(state | {"global_step": 0, "epoch": 0}))


def begin_anew_from(checkpoint: Path, base: Any) -> Any:  # noqa: ANN401 - a model, a PEFT model
    """[resume-mismatch] The adapter of a checkpoint is loaded, and ``train()`` called without it."""
    from peft import PeftModel

    return PeftModel.from_pretrained(base, checkpoint, is_trainable=True)


def spoil_one_rank(model: Any, name: str, backward: int, this: int) -> None:  # noqa: ANN401 - any torch module
    """[ranks-disagree] On rank 1 a gradient is NaN in one backward pass; ``this`` is the rank that the model is on."""
    if this == 1:
        spoil_gradient(model, name, backward)
