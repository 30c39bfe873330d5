from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark


def load() -> BaseLLM:
    from peft import PeftModel

    model_path = Path(__file__).parent / "sft_model"

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, model_path).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    full_text = f"{question} {answer}{tokenizer.eos_token}"

    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=128)

    input_ids = full["input_ids"]
    question_len = len(tokenizer(question)["input_ids"])
    labels = [-100] * question_len + input_ids[question_len:]
    for i in range(len(labels)):
        if full["attention_mask"][i] == 0:
            labels[i] = -100

    full["labels"] = labels
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f"<answer>{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data: Dataset, format_fn):
        self.format_fn = format_fn
        self.tokenizer = tokenizer
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def train_model(output_dir: str = "homework/sft_model", data=None, format_fn=format_example, rank: int = 8, **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    # fp32 in training: no overflow to worry about
    llm = BaseLLM(full_precision=True)
    llm.model = get_peft_model(
        llm.model,
        LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", bias="none", task_type="CAUSAL_LM"),
    )
    llm.model.enable_input_require_grads()

    # 4 x 8 = 32, the course's batch size
    args = TrainingArguments(
        output_dir=output_dir,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=4,
        gradient_checkpointing=True,
        learning_rate=6e-4,
        num_train_epochs=6,
        report_to="tensorboard",
        logging_steps=10,
        save_strategy="no",
    )
    data = Dataset("train") if data is None else data
    trainer = Trainer(model=llm.model, args=args, train_dataset=TokenizedDataset(llm.tokenizer, data, format_fn))
    trainer.train()
    trainer.save_model(output_dir)

    # the live model first, then what was written
    llm.model.eval()
    live = benchmark(llm, Dataset("valid"), 100)
    print(f"before reload: {live.accuracy=}  {live.answer_rate=}")
    del trainer, llm
    test_model(output_dir)


def test_model(ckpt_path: str = "homework/sft_model"):
    from peft import PeftModel

    testset = Dataset("valid")
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    benchmark_result = benchmark(llm, testset, 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
