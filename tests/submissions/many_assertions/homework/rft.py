import json
from pathlib import Path

from .base_llm import BaseLLM
from .data import DATA_DIR
from .sft import TokenizedDataset, test_model


def load() -> BaseLLM:
    from peft import PeftModel

    model_name = "rft_model"
    model_path = Path(__file__).parent / model_name

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, model_path).to(llm.device)
    llm.model.eval()
    return llm


def format_rft(question: str, answer: float, reasoning: str) -> dict[str, str]:
    # `answer` is not used: the reasoning already ends with <answer>...</answer>
    return {"question": question, "answer": reasoning}


def train_model(output_dir: str = "homework/rft_model", **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    out = Path(__file__).parent / Path(output_dir).name
    llm = BaseLLM()
    # rank from the report
    config = LoraConfig(r=16, lora_alpha=64, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")
    llm.model = get_peft_model(llm.model, config)
    llm.model.enable_input_require_grads()

    with (DATA_DIR / "rft.json").open() as f:
        rows = json.load(f)
    trainset = TokenizedDataset(llm.tokenizer, rows, format_rft)
    args = TrainingArguments(
        output_dir=str(out),
        report_to="tensorboard",
        learning_rate=5e-4,
        num_train_epochs=5,
        per_device_train_batch_size=32,
        gradient_checkpointing=True,
        save_strategy="no",
        logging_steps=10,
    )
    trainer = Trainer(model=llm.model, args=args, train_dataset=trainset)
    trainer.train()
    trainer.save_model(str(out))
    test_model(str(out))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
