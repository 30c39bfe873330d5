import json

from .base_llm import BaseLLM
from .data import DATA_DIR, Dataset, benchmark
from .sft import TokenizedDataset, _adapter_dir


class RFTModel(BaseLLM):
    def format_prompt(self, question):
        return question.strip() + "\n"


class RFTData(Dataset):
    def __init__(self):
        self.data = json.loads((DATA_DIR / "rft.json").read_text())


def format_example(prompt, answer, reasoning):
    # answer is part of the reasoning ("... = <answer>6000</answer>")
    return {"question": prompt.strip() + "\n", "answer": reasoning.strip()}


def load() -> BaseLLM:
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, _adapter_dir("rft_model")).to(llm.device)
    llm.model.eval()
    return llm


def train_model(output_dir="rft_model", rank: int = 16, epochs: int = 5):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()
    llm.model = get_peft_model(
        llm.model, LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    out = str(_adapter_dir(output_dir))
    trainer = Trainer(
        model=llm.model,
        args=TrainingArguments(output_dir=out, num_train_epochs=epochs, per_device_train_batch_size=32, learning_rate=5e-4),
        train_dataset=TokenizedDataset(llm.tokenizer, RFTData(), format_example),
    )
    trainer.train()
    trainer.save_model(out)
    test_model(output_dir)


def test_model(ckpt_path="rft_model"):
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, _adapter_dir(ckpt_path)).to(llm.device)
    print(benchmark(llm, Dataset("valid"), 100).accuracy)


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
