import json
from pathlib import Path

from .base_llm import BaseLLM
from .data import DATA_DIR, Dataset, benchmark
from .sft import HERE, TokenizedDataset, _adapter_dir


class RFTModel(BaseLLM):
    # the reasoning comes first here, so the prompt has no opening tag, see format_rft
    use_answer_tag = False


def load() -> BaseLLM:
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, _adapter_dir(HERE / "rft_model")).to(llm.device)
    llm.model.eval()
    return llm


def format_rft(question, answer, reasoning):
    return {"question": question.strip(), "answer": " " + reasoning.strip()}


def train_model(output_dir: str = "rft_model", **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = RFTModel()
    llm.model = get_peft_model(
        llm.model, LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=64, target_modules="all-linear")
    )
    rows = json.loads((DATA_DIR / "rft.json").read_text())
    out = str(HERE / Path(output_dir).name)
    args = TrainingArguments(
        output_dir=out, learning_rate=1e-3, num_train_epochs=5, per_device_train_batch_size=32, report_to="none",
        save_strategy="no",
    )
    Trainer(model=llm.model, args=args, train_dataset=TokenizedDataset(llm.tokenizer, rows, format_rft)).train()
    llm.model.save_pretrained(out)


def test_model(ckpt_path: str = "rft_model"):
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, _adapter_dir(ckpt_path)).to(llm.device).eval()
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
