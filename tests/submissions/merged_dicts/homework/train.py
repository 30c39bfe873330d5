import peft
import transformers

from . import config
from .data import HOME, Dataset, benchmark
from .model import KINDS


def tokenize(tokenizer, question, answer):
    q = tokenizer(question).input_ids
    a = tokenizer(answer + tokenizer.eos_token).input_ids
    return {"input_ids": q + a, "attention_mask": [1] * len(q + a), "labels": [-100] * len(q) + a}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.parts = tokenizer, data, format_fn

    def __len__(self):
        return len(self.parts[1])

    def __getitem__(self, i):
        tokenizer, data, format_fn = self.parts
        return tokenize(tokenizer, **format_fn(*data[i]))


def train(kind, output_dir, format_fn, lora, **overrides):
    llm = KINDS[kind]()
    llm.model = peft.get_peft_model(llm.model, peft.LoraConfig(**lora))
    # gradient checkpointing wants inputs that require a gradient
    llm.model.enable_input_require_grads()
    arguments = transformers.TrainingArguments(output_dir=str(HOME / output_dir), **config.recipe(kind, **overrides))
    trainer = transformers.Trainer(
        model=llm.model,
        args=arguments,
        train_dataset=TokenizedDataset(llm.tokenizer, Dataset(kind if kind == "rft" else "train"), format_fn),
        eval_dataset=TokenizedDataset(llm.tokenizer, Dataset("valid"), lambda q, a, why="": format_fn(q, a, f"<answer>{a}</answer>")),
        data_collator=transformers.DataCollatorForSeq2Seq(llm.tokenizer),
    )
    trainer.train()
    llm.model.save_pretrained(str(HOME / output_dir))


def restore(kind, folder):
    llm = KINDS[kind]()
    # ADAPTER says inference_mode, and here that is what we want
    settings = peft.LoraConfig.from_pretrained(str(HOME / folder), **config.ADAPTER)
    llm.model = peft.PeftModel.from_pretrained(llm.model, str(HOME / folder), config=settings).to(llm.device)
    return llm


def report(llm):
    r = benchmark(llm, Dataset("valid"), 100)
    print(f"accuracy={r.accuracy:.3f} answer_rate={r.answer_rate:.3f}")
