"""Faults by other hands: reproductions of public issues, each written from its description and named by its number.

None of them uses an injector of ours. What was reported for another model or another library is rebuilt on the small
Llama with the same mistake; where the installed release still has the reported bug, the bug itself is what runs.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import support
import torch
from peft import PeftModel
from transformers import DataCollatorForLanguageModeling, LlamaForCausalLM

from .registry import fault
from .runs import LR, STEPS, Clock, Run, adapted, base_model, setup, tokenizer
from .subjects import Log

if TYPE_CHECKING:
    from pathlib import Path


def plain_rows(texts: list[str], used: Any) -> list[dict[str, list[int]]]:  # noqa: ANN401 - a tokenizer
    """Rows as most scripts make them: every token is a label."""
    made = [used(text)["input_ids"] for text in texts]
    return [{"input_ids": ids, "attention_mask": [1] * len(ids), "labels": list(ids)} for ids in made]


def conversions(ending: str = "") -> list[str]:
    """Texts to learn."""
    return [
        f"### Question:\nHow many cm are in {n} m?\n### Answer:\n{100 * n}{ending}" for n in range(1, 4 * STEPS + 1)
    ]


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
    """SFTTrainer with completion_only_loss and a max_length that ends inside most prompts: rows vanish in silence."""
    import datasets
    import trl

    texts = [
        {"prompt": f"Think carefully. {'Then answer. ' * (n % 4)}{n} m in cm?", "completion": f" {100 * n}"}
        for n in range(1, 4 * STEPS + 1)
    ]
    longest = 34
    used = tokenizer()
    trainer = trl.SFTTrainer(
        model=(model := adapted()),
        args=trl.SFTConfig(
            str(folder), max_length=longest, completion_only_loss=True, max_steps=STEPS, learning_rate=LR,
            per_device_train_batch_size=4, logging_steps=1, report_to="none", use_cpu=True, disable_tqdm=True,
            save_strategy="no", lr_scheduler_type="constant", gradient_checkpointing=False, bf16=False,
        ),
        train_dataset=datasets.Dataset.from_list(texts),
        processing_class=used,
        callbacks=[clock := Clock()],
    )  # fmt: skip
    rows = [{"input_ids": used(one["prompt"] + one["completion"])["input_ids"]} for one in texts]
    run = Run(trainer, model.config_as_written, rows, clock, base_model)
    run.max_length, run.records = longest, [one | {"text": one["prompt"] + one["completion"]} for one in texts]
    return run


@fault(Run, "labels-preshifted", issue="huggingface/transformers#44642")
def labels_moved_by_the_author(folder: Path) -> Run:
    """Labels = input_ids[1:] + [-100], as the older documentation let readers think."""
    rows = plain_rows(conversions(support.EOS), tokenizer())
    for row in rows:
        row["labels"] = [*row["input_ids"][1:], -100]
    return setup(folder, rows=rows)


class ShiftsTwice(LlamaForCausalLM):  # type: ignore[misc] # untyped base class
    """A model that moves the labels itself and then calls a loss that moves them again."""

    def forward(self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None, **options: Any) -> Any:  # noqa: ANN401
        """Shift, and leave the rest to a loss that shifts."""
        if labels is not None:
            labels = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=-100)
        return super().forward(input_ids=input_ids, attention_mask=attention_mask, labels=labels, **options)


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


@fault(
    Run,
    "fp16-overflow",
    "fp16-unguarded",
    "nan-grad-norm",
    words="fp16-overflow",
    issue="jinxixiang/magic_animate_unofficial#6",
)
def loaded_in_half_and_trained(folder: Path) -> Run:
    """The model is loaded in fp16 and trained: NaN after optimizer.step, in fp32 it trains."""
    base = base_model().half()
    base.lm_head.weight.data.mul_(3e4)
    return setup(folder, adapted(base).half(), learning_rate=1e-2)


@fault(Log, "nan-grad-norm", words="log-nan", issue="OpenBMB/MiniCPM-V#212")
def reported_log(folder: Path) -> Log:
    """The log as it was reported: loss 1.0778 and grad_norm nan, then loss 0.0 for good."""
    rates = (
        0.0,
        1.31e-07,
        2.08e-07,
        2.63e-07,
        3.05e-07,
        3.39e-07,
        3.69e-07,
        3.94e-07,
        4.16e-07,
        4.36e-07,
        4.55e-07,
        4.71e-07,
    )
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
