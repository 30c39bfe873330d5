from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark

MODEL_DIR = Path(__file__).parent / "sft_model"


class SFTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, text: str) -> float:
        return super().parse_answer("<answer>" + text)


def load(path=MODEL_DIR) -> SFTModel:
    from peft import PeftModel

    llm = SFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, str(path))
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str) -> dict:
    prompt = tokenizer(question)["input_ids"]
    reply = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    return {"input_ids": prompt + reply, "labels": [-100] * len(prompt) + reply}


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{answer:.5g}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer = tokenizer
        self.data = data
        self.format_fn = format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def finetune(llm, rows, output_dir, rank, **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    llm.model = get_peft_model(llm.model, LoraConfig(task_type="CAUSAL_LM", r=rank, lora_alpha=4 * rank, target_modules="all-linear"))
    args = TrainingArguments(
        output_dir=str(output_dir), num_train_epochs=5, per_device_train_batch_size=32, learning_rate=6e-4, save_strategy="epoch", **kwargs
    )
    Trainer(model=llm.model, args=args, train_dataset=rows, data_collator=DataCollatorForSeq2Seq(llm.tokenizer)).train()
    llm.model.save_pretrained(str(output_dir))


def train_model(output_dir=MODEL_DIR, **kwargs):
    llm = SFTModel()
    finetune(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), output_dir, 8, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path=MODEL_DIR):
    print(benchmark(load(ckpt_path), Dataset("valid"), 100))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
