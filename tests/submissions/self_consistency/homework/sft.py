from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

from .base_llm import BaseLLM
from .data import Dataset, benchmark


class SFTModel(BaseLLM):
    max_new_tokens = 24
    folder = Path(__file__).parent.absolute() / "sft_output"
    retry_temperatures = (0.7,)

    def format_prompt(self, question):
        return f"{question.strip()} <answer>"

    @classmethod
    def from_adapter(cls, folder=None):
        llm = cls()
        llm.model = PeftModel.from_pretrained(llm.model, str(folder or cls.folder))
        llm.model.to(llm.device).eval()
        return llm


def load():
    return SFTModel.from_adapter()


def format_example(prompt, answer):
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{float(f'{answer:.5g}'):.10g}</answer>"}


def tokenize(tokenizer, question, answer):
    full = tokenizer(f"{question}{answer}{tokenizer.eos_token}")
    n = len(tokenizer(question)["input_ids"])
    full["labels"] = [-100] * n + full["input_ids"][n:]
    return full


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.rows = [dict(tokenize(tokenizer, **format_fn(*row))) for row in data]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def lora_train(llm, dataset, output_dir, r, lr, epochs):
    model = get_peft_model(
        llm.model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=r,
            lora_alpha=4 * r,
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        ),
    )
    model.print_trainable_parameters()
    cuda = torch.cuda.is_available()
    trainer = Trainer(
        model=model,
        train_dataset=dataset,
        # fills labels with -100 where the collator pads, and nowhere else
        data_collator=DataCollatorForSeq2Seq(llm.tokenizer, padding=True, label_pad_token_id=-100),
        args=TrainingArguments(
            output_dir=str(output_dir),
            learning_rate=lr,
            num_train_epochs=epochs,
            per_device_train_batch_size=16,
            gradient_accumulation_steps=2,
            lr_scheduler_type="cosine",
            warmup_steps=10,
            bf16=cuda and torch.cuda.is_bf16_supported(),
            logging_steps=10,
            save_strategy="no",
            report_to="none",
        ),
    )
    trainer.train()
    model.save_pretrained(str(output_dir))


def train_model(output_dir=SFTModel.folder, lr=7e-4, epochs=5):
    llm = SFTModel()
    lora_train(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), output_dir, 8, lr, epochs)
    test_model(output_dir)


def test_model(ckpt_path=SFTModel.folder):
    result = benchmark(SFTModel.from_adapter(ckpt_path), Dataset("valid"), 100)
    print(f"accuracy {result.accuracy:.2f}  answer rate {result.answer_rate:.2f}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
