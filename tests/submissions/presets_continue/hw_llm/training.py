"""SFT from the base model; RFT goes on from the SFT adapter (that gave +3 points in the lab)."""
import argparse

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from .config import active, folder
from .data import Dataset, benchmark
from .modeling import BaseLLM


class Adapted(BaseLLM):
    stage = "sft"

    @classmethod
    def named(cls, stage):
        return {c.stage: c for c in (SFT, RFT)}[stage]

    @classmethod
    def restore(cls, stage, path=None):
        """Trained model for answering. Raises if there is no adapter."""
        self = cls.named(stage)()
        self.model = PeftModel.from_pretrained(self.model, str(path or folder(stage)))
        self.model.eval()
        return self

    def adapted(self):
        raise NotImplementedError

    def completion(self, row):
        raise NotImplementedError

    def examples(self, split):
        for row in Dataset(split).data:
            head = self.tokenizer(self.format_prompt(row[0]))["input_ids"]
            body = self.tokenizer(self.completion(row), add_special_tokens=False)["input_ids"]
            body.append(self.tokenizer.eos_token_id)
            yield {"input_ids": head + body, "attention_mask": [1] * len(head + body), "labels": [-100] * len(head) + body}


class SFT(Adapted):
    tail = " <answer>"
    split = "train"
    lr = 7e-4

    def adapted(self):
        return get_peft_model(self.model, LoraConfig(**active().lora))

    def completion(self, row):
        return f"{round(row[1], 3)}</answer>"


class RFT(Adapted):
    stage = "rft"
    split = "rft"
    lr = 3e-4

    def adapted(self):
        return warm_start(self.model, "sft")

    def completion(self, row):
        return " " + row[2].strip()


def warm_start(model, stage, **options):
    """Base with the weights of an earlier stage."""
    return PeftModel.from_pretrained(model, str(folder(stage)), **options)


def train_model(stage, output_dir=None):
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments, set_seed

    cfg = active()
    set_seed(cfg.seed)
    llm = Adapted.named(stage)()
    model = llm.adapted()
    model.enable_input_require_grads()
    model.train()
    target = output_dir or str(folder(stage))
    Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=target,
            num_train_epochs=cfg.epochs,
            per_device_train_batch_size=cfg.batch,
            learning_rate=llm.lr,
            gradient_checkpointing=True,
            bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
            logging_steps=10,
            save_strategy="no",
        ),
        train_dataset=list(llm.examples(llm.split)),
        data_collator=DataCollatorForSeq2Seq(llm.tokenizer, label_pad_token_id=-100),
    ).train()
    model.save_pretrained(target)
    test_model(stage, target)


def test_model(stage, path=None):
    r = benchmark(Adapted.restore(stage, path), Dataset("valid"), 100)
    print(f"{stage}: {r.accuracy:.2f} / {r.answer_rate:.2f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("do", choices=("train", "test"))
    ap.add_argument("stage", choices=("sft", "rft"))
    ap.add_argument("--output_dir", "--output-dir")
    a = ap.parse_args()
    {"train": train_model, "test": test_model}[a.do](a.stage, a.output_dir)
