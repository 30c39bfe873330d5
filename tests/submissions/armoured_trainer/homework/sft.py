from pathlib import Path

from .base_llm import BaseLLM
from .batches import TokenizedDataset, tokenize
from .data import Dataset, benchmark

COMMON = {
    "num_train_epochs": 5,
    "learning_rate": 7e-4,
    "per_device_train_batch_size": 32,
    "gradient_checkpointing": True,
    "logging_steps": 10,
    "save_strategy": "no",
    "report_to": "tensorboard",
}


def load():
    return load_from("sft_model")


def load_from(name):
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, str(Path(__file__).parent / name)).to(llm.device)
    llm.model.eval()
    return llm


def format_example(prompt, answer):
    return {"question": prompt, "answer": f"<answer>{round(answer, 3)}</answer>"}


def run(output_dir, split, format_fn, r, **overrides):
    from peft import LoraConfig, get_peft_model
    from transformers import TrainingArguments

    from .armour import ArmouredTrainer, precision

    llm = BaseLLM()
    llm.model = get_peft_model(
        llm.model, LoraConfig(r=r, lora_alpha=4 * r, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")
    )
    llm.model.enable_input_require_grads()
    args = TrainingArguments(output_dir=output_dir, **{**COMMON, **precision(), **overrides})
    trainer = ArmouredTrainer(
        model=llm.model, args=args, train_dataset=TokenizedDataset(llm.tokenizer, Dataset(split), format_fn)
    )
    trainer.train()
    trainer.save_model(output_dir)


def train_model(output_dir="homework/sft_model", **kwargs):
    run(output_dir, "train", format_example, r=4, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="homework/sft_model"):
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    print(benchmark(llm, Dataset("valid"), 100))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
