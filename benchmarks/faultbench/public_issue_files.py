"""Reproductions of public issues, continued: adapters on disk and programs that answer.

As in ``public_issues.py``: written from the description, named by the number, without an injector of ours.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Any

import support
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from homework.lora import add_adapter
from homework.sft import SFTModel, format_example
from homework.tokens import TokenizedDataset
from unsilent.parity import record_logits

from .registry import fault
from .subjects import Adapter, Program

if TYPE_CHECKING:
    from pathlib import Path

FILE = "adapter_model.safetensors"
PROMPTS = ["How many cm are in 3 m? <answer>", "What is 1 kg in g? <answer>"]


# adapters on disk


def saved(folder: Path, model: Any = None, **options: Any) -> Adapter:  # noqa: ANN401
    """A trained adapter as PEFT saves it, and its base."""
    base = support.write_tiny_base(folder / "base")
    model = support.tiny_adapter() if model is None else model
    for config in model.peft_config.values():
        config.base_model_name_or_path = str(base)
    model.save_pretrained(folder / "sft", save_embedding_layers=False, **options)
    return Adapter(folder / "sft", base)


@fault(Adapter, "adapter-empty", issue="huggingface/peft#286")
def state_dict_replaced(folder: Path) -> Adapter:
    """model.state_dict was replaced, as alpaca-lora did: save_pretrained writes a file of a few hundred bytes."""
    adapter = saved(folder)
    (adapter.path / FILE).unlink()
    torch.save({}, adapter.path / "adapter_model.bin")
    return adapter


@fault(Adapter, "adapter-empty", issue="huggingface/peft#2892")
def forty_bytes(folder: Path) -> Adapter:
    """SFTTrainer under ZeRO-3 leaves an adapter_model.safetensors of 40 bytes."""
    adapter = saved(folder)
    save_file({}, adapter.path / FILE, {"format": "pt"})
    return adapter


@fault(Adapter, "adapter-empty", "adapter-shape-mismatch", words="adapter-empty", issue="huggingface/peft#2450")
def saved_modules_are_empty(folder: Path) -> Adapter:
    """modules_to_save under ZeRO-3: LoRA is whole, the saved modules have shape [0]."""
    base = support.tiny_model()
    model = get_peft_model(
        base,
        LoraConfig(r=4, target_modules=["q_proj", "v_proj"], modules_to_save=["lm_head"], task_type="CAUSAL_LM"),
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    adapter = saved(folder, model)
    tensors = load_file(adapter.path / FILE)
    save_file(
        {name: one if "lora_" in name else one.flatten()[:0].clone() for name, one in tensors.items()},
        adapter.path / FILE,
    )
    return adapter


@fault(Adapter, "adapter-stale-format", issue="huggingface/peft#553")
def old_file_beside_the_new(folder: Path) -> Adapter:
    """Two formats lie in the folder and differ; which is read depends on the release."""
    adapter = saved(folder)
    tensors = load_file(adapter.path / FILE)
    torch.save({name: tensor * 1.5 for name, tensor in tensors.items()}, adapter.path / "adapter_model.bin")
    return adapter


@fault(Adapter, "adapter-coverage", "adapter-keys-ignored", words="adapter-coverage", issue="huggingface/peft#3584")
def name_of_another_adapter(folder: Path) -> Adapter:
    """Another adapter is called mlp: save_pretrained drops every key that holds its name."""
    base = support.write_tiny_base(folder / "base")
    model = support.tiny_adapter()
    model.add_adapter("mlp", LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    model.set_adapter("default")
    for config in model.peft_config.values():
        config.base_model_name_or_path = str(base)
    model.save_pretrained(folder / "sft", selected_adapters=["default"], save_embedding_layers=False)
    tensors = load_file(folder / "sft" / FILE)
    save_file({name: tensor for name, tensor in tensors.items() if ".mlp." not in name}, folder / "sft" / FILE)
    return Adapter(folder / "sft", base)


@fault(Adapter, "adapter-untrained", issue="tloen/alpaca-lora#357")
def every_b_is_zero(folder: Path) -> Adapter:
    """After training every lora_B is 0: the model is what it was."""
    base = support.write_tiny_base(folder / "base")
    model = get_peft_model(
        support.tiny_model(), LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    )
    model.peft_config["default"].base_model_name_or_path = str(base)
    model.save_pretrained(folder / "sft")
    return Adapter(folder / "sft", base)


@fault(Adapter, "adapter-nonfinite", issue="getainode/ainode#186")
def all_nan(folder: Path) -> Adapter:
    """Every value of the adapter is NaN, and the job was recorded as a success."""
    adapter = saved(folder)
    tensors = load_file(adapter.path / FILE)
    save_file({name: torch.full_like(tensor, float("nan")) for name, tensor in tensors.items()}, adapter.path / FILE)
    return adapter


@fault(Adapter, "adapter-keys-ignored", issue="vllm-project/vllm#34186")
def keys_of_a_wrapper(folder: Path) -> Adapter:
    """Keys carry the prefix of a multimodal wrapper: loaded without an error, the answers are the base's."""
    adapter = saved(folder)
    tensors = load_file(adapter.path / FILE)
    renamed = {
        name.replace("base_model.model.model.", "base_model.model.language_model.model."): one
        for name, one in tensors.items()
    }
    save_file(renamed, adapter.path / FILE)
    return adapter


# programs


def program(folder: Path) -> Program:
    """A tiny model that knows five rows, in a LoRA adapter."""
    llm = SFTModel(str(support.write_tiny_base(folder / "base")), dtype="fp32", device="cpu")
    llm.model = add_adapter(llm.model, 8)
    llm.model.train()
    support.memorise(llm, support.FIVE_ROWS, 60)
    llm.model.eval()
    return Program(llm, support.FIVE_ROWS, TokenizedDataset(llm.tokenizer, support.FIVE_ROWS, format_example))


@fault(Program, "adapter-without-effect", issue="huggingface/peft#793")
def loaded_with_get_peft_model(folder: Path) -> Program:
    """The trained adapter is "loaded" with get_peft_model, which makes a fresh one."""
    one = program(folder)
    one.llm.model.save_pretrained(folder / "sft", save_embedding_layers=False)
    config = LoraConfig.from_pretrained(folder / "sft")
    one.llm.model = get_peft_model(support.tiny_model(), config).eval()
    return one


@fault(Program, "adapter-without-effect", issue="unslothai/unsloth#2142")
def listed_active_and_without_effect(folder: Path) -> Program:
    """The adapter is loaded, listed and active, and its layers are disabled."""
    one = program(folder)
    one.llm.model.disable_adapter_layers()
    return one


@fault(
    Program,
    "reload-mismatch",
    "adapter-without-effect",
    words="reload-mismatch",
    issue="huggingface/sentence-transformers#3865",
)
def prefix_lost_between(folder: Path) -> Program:
    """Saved by one class and loaded by another: the keys miss a prefix, and the model is another one."""
    one = program(folder)
    live = one.llm.model
    one.logits, one.live = record_logits(live, one.llm.tokenizer, PROMPTS), live
    live.save_pretrained(folder / "sft", save_embedding_layers=False)
    tensors = load_file(folder / "sft" / FILE)
    save_file(
        {name.replace("base_model.model.", ""): tensor for name, tensor in tensors.items()}, folder / "sft" / FILE
    )
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        one.llm.model = PeftModel.from_pretrained(support.tiny_model(), str(folder / "sft")).eval()
    return one


@fault(Program, "no-numeric-answers", issue="huggingface/transformers#48016")
def ends_at_once(folder: Path) -> Program:
    """The saved generation settings end every completion at its first token: all answers are empty."""
    one = program(folder)
    ends_with = one.llm.tokenizer.eos_token_id
    head = one.llm.model.get_base_model().lm_head
    head.register_forward_hook(lambda _module, _inputs, output: output.index_fill(-1, torch.tensor([ends_with]), 1e4))
    return one


@fault(Program, "padding-side", issue="huggingface/transformers#26569")
def batch_padded_on_the_right(folder: Path) -> Program:
    """tokenizer.padding_side = "right" in generation: the batch's shorter prompts are answered otherwise than alone."""
    one = program(folder)
    one.rows = [*support.FIVE_ROWS, ("And 7 ft in inches, please, if you would be so kind?", 84.0), ("2?", 2.0)]
    llm = one.llm
    llm.tokenizer.padding_side = "right"

    def batched_generate(prompts: Any, *_: object, **__: object) -> Any:  # noqa: ANN401
        batch = llm.tokenizer(list(prompts), padding=True, return_tensors="pt")
        with torch.no_grad():
            made = llm.model.generate(**batch, max_new_tokens=16, do_sample=False, pad_token_id=2)
        return llm.tokenizer.batch_decode(made[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)

    llm.batched_generate = batched_generate
    return one
