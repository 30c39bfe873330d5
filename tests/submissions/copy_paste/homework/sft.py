from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark

ADAPTER_FILES = ("adapter_config.json", "adapter_model.bin")


def is_trained(model_path: Path) -> bool:
    return all((model_path / name).is_file() for name in ADAPTER_FILES)


def lora_kwargs(r=8, inference=False):
    return {
        "task_type": "CAUSAL_LM",
        "target_modules": "all-linear",
        "bias": "none",
        "r": r,
        "lora_alpha": 4 * r,
        "lora_dropout": 0.05,
        "inference_mode": inference,
    }


def load() -> BaseLLM:
    from peft import PeftModel

    model_path = Path(__file__).parent / "sft_model"
    if not is_trained(model_path):
        raise FileNotFoundError(f"{model_path} is not trained, run python -m homework.sft train")

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
    return {"question": prompt, "answer": f"<answer>{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.format_fn = format_fn
        self.tokenizer = tokenizer
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def train_model(output_dir: str = str(Path(__file__).parent / "sft_model"), **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()
    llm.model = get_peft_model(llm.model, LoraConfig(**lora_kwargs(r=8)))
    llm.model.enable_input_require_grads()
    llm.model.print_trainable_parameters()

    training_args = TrainingArguments(
        output_dir=output_dir,
        per_device_train_batch_size=32,
        num_train_epochs=5,
        learning_rate=7e-4,
        gradient_checkpointing=True,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        **kwargs,
    )
    trainset = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    trainer = Trainer(model=llm.model, args=training_args, train_dataset=trainset)
    trainer.train()
    trainer.save_model(output_dir)


def test_model(ckpt_path: str = str(Path(__file__).parent / "sft_model")):
    from peft import PeftModel

    testset = Dataset("valid")
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    benchmark_result = benchmark(llm, testset, 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
