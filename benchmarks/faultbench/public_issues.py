"""Faults by other hands: reproductions of public issues, each written from its description and named by its number.

None of them uses an injector of ours. What was reported for another model or another library is rebuilt on the small
Llama with the same mistake; where the installed release still has the reported bug, the bug itself is what runs.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import warnings
from typing import TYPE_CHECKING, Any

import support
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import DataCollatorForLanguageModeling, LlamaForCausalLM

from homework.sft import SFTModel, format_example
from homework.tokens import TokenizedDataset
from homework.training import add_adapter
from unsilent.parity import record_logits

from .registry import fault
from .runs import LR, STEPS, Clock, Run, adapted, base_model, setup, tokenizer
from .subjects import Adapter, Log, Program

if TYPE_CHECKING:
    from pathlib import Path

FILE = "adapter_model.safetensors"
PROMPTS = ["How many cm are in 3 m? <answer>", "What is 1 kg in g? <answer>"]


def plain_rows(texts: list[str], used: Any) -> list[dict[str, list[int]]]:  # noqa: ANN401 - a tokenizer
    """Rows as most scripts make them: every token is a label."""
    made = [used(text)["input_ids"] for text in texts]
    return [{"input_ids": ids, "attention_mask": [1] * len(ids), "labels": list(ids)} for ids in made]


def conversions(ending: str = "") -> list[str]:
    """Texts to learn."""
    return [f"### Question:\nHow many cm are in {n} m?\n### Answer:\n{100 * n}{ending}" for n in range(1, 4 * STEPS + 1)]


@fault(Run, "adapter-coverage", issue="huggingface/peft#1959")
def fake_target_module(folder: Path) -> Run:
    """target_modules=["q_proj", "FAKE_TARGET_MODULE"] does not raise."""
    return setup(folder, adapted(target_modules=["q_proj", "FAKE_TARGET_MODULE"]))


@fault(Run, "frozen-adapter", issue="huggingface/trl#6700")
def continued_without_is_trainable(folder: Path) -> Run:
    """Training goes on from an adapter loaded with is_trainable=False: nothing is trained, nothing is said."""
    adapted().save_pretrained(folder / "first", save_embedding_layers=False)
    model = PeftModel.from_pretrained(base_model(), str(folder / "first"), is_trainable=False)
    model.enable_input_require_grads()
    model.config_as_written = model.peft_config["default"]
    return setup(folder, model)


@fault(Run, "optimizer-misses-adapter", issue="huggingface/peft#1303")
def second_adapter_of_the_same_trainer(folder: Path) -> Run:
    """One optimizer, made while the first of two adapters was active; the second is trained."""
    model = adapted()
    model.add_adapter("adapter2", copy.deepcopy(model.peft_config["default"]))
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=LR)
    model.set_adapter("adapter2")
    return setup(folder, model, optimizer=optimizer)


@fault(Run, "checkpointing-detached", "frozen-adapter", words="checkpointing-detached", issue="cloneofsimo/lora#26")
def checkpointing_after_the_adapter(folder: Path) -> Run:
    """With gradient checkpointing the weights of LoRA are not updated."""
    model = adapted(modules_to_save=["lm_head"])
    model.get_base_model().gradient_checkpointing_enable({"use_reentrant": True})
    model.disable_input_require_grads()
    return setup(folder, model)


@fault(Run, "eos-never-learnt", issue="huggingface/trl#1623")
def rows_without_end(folder: Path) -> Run:
    """The rows' texts end without end-of-text: the model never learns to stop."""
    used = tokenizer()
    return setup(folder, rows=plain_rows(conversions(), used))


@fault(Run, "eos-never-learnt", issue="huggingface/trl#3091")
def padding_is_end(folder: Path) -> Run:
    """tokenizer.pad_token = tokenizer.eos_token, and the collator masks padding by its id."""
    used = tokenizer(pad_is_eos=True)
    rows = [
        {name: row[name] for name in ("input_ids", "attention_mask")}
        for row in plain_rows(conversions(support.EOS), used)
    ]
    return setup(folder, rows=rows, collate=DataCollatorForLanguageModeling(used, mlm=False), pad_is_eos=True)


@fault(Run, "labels-all-masked", issue="huggingface/trl#1920")
def response_template_with_a_space(folder: Path) -> Run:
    """The response template is looked for with a space behind it, is not found, and every row is masked."""
    used = tokenizer()
    template = used("### Answer: ")["input_ids"]
    rows = plain_rows(conversions(support.EOS), used)
    for row in rows:
        ids, size = row["input_ids"], len(template)
        starts = [place for place in range(len(ids)) if ids[place : place + size] == template]
        end = starts[0] + size if starts else len(ids)
        row["labels"] = [-100] * end + ids[end:]
    return setup(folder, rows=rows)


@fault(Run, "answers-truncated", "labels-all-masked", words="answers-truncated", issue="huggingface/trl#6668")
def completion_beyond_max_length(folder: Path) -> Run:
    """SFTTrainer with completion_only_loss and a max_length that ends inside the prompts: loss 0.0."""
    import datasets
    import trl

    texts = [
        {"prompt": f"You are a helpful assistant. Think carefully before you answer. How many cm are in {n} m?",
         "completion": f" {100 * n}"}
        for n in range(1, 4 * STEPS + 1)
    ]  # fmt: skip
    used = tokenizer()
    trainer = trl.SFTTrainer(
        model=(model := adapted()),
        args=trl.SFTConfig(
            str(folder), max_length=32, completion_only_loss=True, max_steps=STEPS, learning_rate=LR,
            per_device_train_batch_size=4, logging_steps=1, report_to="none", use_cpu=True, disable_tqdm=True,
            save_strategy="no", lr_scheduler_type="constant", gradient_checkpointing=False, bf16=False,
        ),
        train_dataset=datasets.Dataset.from_list(texts),
        processing_class=used,
        callbacks=[clock := Clock()],
    )  # fmt: skip
    rows = [{"input_ids": used(one["prompt"] + one["completion"])["input_ids"]} for one in texts]
    return Run(trainer, model.config_as_written, rows, clock, base_model)


@fault(Run, "labels-preshifted", issue="huggingface/transformers#44642")
def labels_moved_by_the_author(folder: Path) -> Run:
    """labels = input_ids[1:] + [-100], as the older documentation let readers think."""
    rows = plain_rows(conversions(support.EOS), tokenizer())
    for row in rows:
        row["labels"] = [*row["input_ids"][1:], -100]
    return setup(folder, rows=rows)


class ShiftsTwice(LlamaForCausalLM):  # type: ignore[misc] # untyped base class
    """A model that moves the labels itself and then calls a loss that moves them again."""

    def forward(self, *arguments: Any, labels: Any = None, **options: Any) -> Any:  # noqa: ANN401
        """Shift, and leave the rest to a loss that shifts."""
        if labels is not None:
            labels = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=-100)
        return super().forward(*arguments, labels=labels, **options)


@fault(Run, "labels-preshifted", words="model-shifts-twice", issue="huggingface/transformers#47394")
def model_shifts_twice(folder: Path) -> Run:
    """The model's own forward shifts the labels, and its loss function shifts them again."""
    base = base_model()
    twice = ShiftsTwice(base.config)
    twice.load_state_dict(base.state_dict())
    return setup(folder, adapted(twice))


@fault(Run, "double-bos", issue="huggingface/open-r1#462")
def template_with_begin_and_tokenizer_with_begin(folder: Path) -> Run:
    """The chat template begins with a begin token, and the tokenizer adds one to the text."""
    used = tokenizer()
    texts = [f"{support.BOS}user\n{text}{support.EOS}" for text in conversions()]
    rows = [
        {name: [*first, *values] for (name, values), first in zip(row.items(), ([1], [1], [1]), strict=True)}
        for row in plain_rows(texts, used)
    ]
    return setup(folder, rows=rows)


@fault(Run, "fp16-overflow", "fp16-unguarded", "nan-grad-norm", words="fp16-overflow", issue="jinxixiang/magic_animate_unofficial#6")
def loaded_in_half_and_trained(folder: Path) -> Run:
    """The model is loaded in fp16 and trained: NaN after optimizer.step, in fp32 it trains."""
    base = base_model().half()
    base.lm_head.weight.data.mul_(3e4)
    return setup(folder, adapted(base).half(), learning_rate=1e-2)


@fault(Log, "nan-grad-norm", words="log-nan", issue="OpenBMB/MiniCPM-V#212")
def reported_log(folder: Path) -> Log:
    """The log as it was reported: loss 1.0778 and grad_norm nan, then loss 0.0 for good."""
    rates = (0.0, 1.31e-07, 2.08e-07, 2.63e-07, 3.05e-07, 3.39e-07, 3.69e-07, 3.94e-07, 4.16e-07, 4.36e-07, 4.55e-07, 4.71e-07)
    lines = [
        {"loss": 1.0778 if number == 0 else 0.0, "grad_norm": float("nan"), "learning_rate": rate, "epoch": 0.0}
        for number, rate in enumerate(rates)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "console.txt").write_text("\n".join(map(str, lines)) + "\n")
    history = [line | {"step": number} for number, line in enumerate(lines, start=1)]
    state = {"global_step": len(lines), "max_steps": len(lines), "num_train_epochs": 1, "log_history": history}
    (folder / "trainer_state.json").write_text(json.dumps(state))
    return Log(folder)


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
    save_file({name: one if "lora_" in name else one.flatten()[:0].clone() for name, one in tensors.items()}, adapter.path / FILE)
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
    model = get_peft_model(support.tiny_model(), LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
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
    renamed = {name.replace("base_model.model.model.", "base_model.model.language_model.model."): one for name, one in tensors.items()}
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


@fault(Program, "reload-mismatch", "adapter-without-effect", words="reload-mismatch", issue="huggingface/sentence-transformers#3865")
def prefix_lost_between(folder: Path) -> Program:
    """Saved by one class and loaded by another: the keys miss a prefix, and the model is another one."""
    one = program(folder)
    live = one.llm.model
    one.logits, one.live = record_logits(live, one.llm.tokenizer, PROMPTS), live
    live.save_pretrained(folder / "sft", save_embedding_layers=False)
    tensors = load_file(folder / "sft" / FILE)
    save_file({name.replace("base_model.model.", ""): tensor for name, tensor in tensors.items()}, folder / "sft" / FILE)
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

