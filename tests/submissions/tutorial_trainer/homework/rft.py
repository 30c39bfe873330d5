import json
from pathlib import Path

from .base_llm import BaseLLM
from .data import DATA_DIR, Dataset, benchmark
from .sft import TokenizedDataset, resolve_output

MODEL_NAME = "rft_model"


class ReasoningData:
    """data/rft.json: rows of [question, answer, reasoning]. Only train_model reads it."""

    def __init__(self):
        with (DATA_DIR / "rft.json").open() as f:
            self.rows = json.load(f)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def load() -> BaseLLM:
    from peft import PeftModel

    model_path = Path(__file__).parent / MODEL_NAME
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, model_path).to(llm.device)
    llm.model.eval()
    return llm


def format_reasoning(question: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": question, "answer": reasoning.strip()}


def train_model(output_dir: str = MODEL_NAME, start_from: str | None = None, **kwargs):
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()
    if start_from is None:
        lora_config = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", bias="none", r=16, lora_alpha=64)
        llm.model = get_peft_model(llm.model, lora_config)
    else:
        # go on from the sft adapter; is_trainable is important, else it is frozen
        llm.model = PeftModel.from_pretrained(llm.model, str(resolve_output(start_from)), is_trainable=True)
    llm.model.print_trainable_parameters()

    out = resolve_output(output_dir)
    training_args = TrainingArguments(
        output_dir=str(out / "trainer"),
        per_device_train_batch_size=16,
        gradient_accumulation_steps=2,
        num_train_epochs=kwargs.get("epochs", 5),
        learning_rate=kwargs.get("learning_rate", 5e-4),
        lr_scheduler_type="cosine",
        logging_steps=10,
        save_strategy="no",
        report_to="none",
    )
    trainset = TokenizedDataset(llm.tokenizer, ReasoningData(), format_reasoning)
    trainer = Trainer(model=llm.model, args=training_args, train_dataset=trainset)
    trainer.train()
    trainer.save_model(str(out))
    test_model(str(out))


def test_model(ckpt_path: str = MODEL_NAME):
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, str(resolve_output(ckpt_path))).to(llm.device)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
