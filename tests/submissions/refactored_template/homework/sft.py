import logging
from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark

logger = logging.getLogger(__name__)
PACKAGE = Path(__file__).resolve().parent


def attach_adapter(llm: BaseLLM, path) -> BaseLLM:
    """Read a trained adapter for answering questions."""
    from peft import PeftModel

    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(path)
    llm.model = PeftModel.from_pretrained(llm.model, path).to(llm.device)
    llm.model.eval()
    return llm


def load() -> BaseLLM:
    return attach_adapter(BaseLLM(), PACKAGE / "sft_model")


def tokenize(tokenizer, question: str, answer: str):
    full_text = f"{question}{answer}{tokenizer.eos_token}"

    tokenizer.padding_side = "right"
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=128)

    question_len = len(tokenizer(question)["input_ids"])
    full["labels"] = [
        token if i >= question_len and mask else -100
        for i, (token, mask) in enumerate(zip(full["input_ids"], full["attention_mask"]))
    ]
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt.strip() + " <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.format_fn = format_fn
        self.tokenizer = tokenizer
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def run_training(llm: BaseLLM, dataset, output_dir: Path, rank: int, learning_rate: float, epochs: int):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm.model = get_peft_model(
        llm.model,
        LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", bias="none", task_type="CAUSAL_LM"),
    )
    llm.model.enable_input_require_grads()
    trainer = Trainer(
        model=llm.model,
        args=TrainingArguments(
            output_dir=str(output_dir),
            learning_rate=learning_rate,
            num_train_epochs=epochs,
            per_device_train_batch_size=32,
            gradient_checkpointing=True,
            report_to="tensorboard",
            save_strategy="no",
            logging_steps=10,
        ),
        train_dataset=dataset,
    )
    trainer.train()
    trainer.save_model(str(output_dir))
    logger.info("saved to %s", output_dir)


def train_model(output_dir: str = str(PACKAGE / "sft_model"), **kwargs):
    llm = BaseLLM()
    dataset = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    run_training(llm, dataset, Path(output_dir), rank=8, learning_rate=7e-4, epochs=5)
    test_model(output_dir)


def test_model(ckpt_path: str = str(PACKAGE / "sft_model")):
    benchmark_result = benchmark(attach_adapter(BaseLLM(), ckpt_path), Dataset("valid"), 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    logging.basicConfig(level=logging.INFO)
    Fire({"train": train_model, "test": test_model, "load": load})
