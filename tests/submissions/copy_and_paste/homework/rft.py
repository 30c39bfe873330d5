import json
import os
from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .sft import TokenizedDataset

RFT_DIR = Path(__file__).parent / "rft_output"
RFT_DATA = Path(__file__).parent.parent / "data" / "rft.json"


# copied from sft.py and changed: here the model writes both tags itself


class RFTModel(BaseLLM):
    def format_prompt(self, question):
        return question.strip()


def load() -> BaseLLM:
    from peft import PeftModel

    path = str(RFT_DIR)
    found = False
    if os.path.exists(path + "/adapter_model.bin"):
        found = True
    if os.path.exists(path + "/adapter_model.safetensors"):
        found = True
    if found == False:  # noqa
        raise FileNotFoundError("no adapter in " + path + ", run: python -m homework.rft train")

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, path).to(llm.device)
    llm.model.eval()
    return llm


def format_example(prompt: str, answer: float, reasoning: str) -> dict:
    return {"question": prompt.strip(), "answer": " " + reasoning.strip()}


def train_model(output_dir=None, **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    if output_dir is None:
        output_dir = str(RFT_DIR)

    llm = RFTModel()
    # r=64 would be 361821120 + 64*542720 = 396555200 > 380000000 !!! so 16
    config = LoraConfig(r=16, lora_alpha=64, bias="none", task_type="CAUSAL_LM", target_modules="all-linear")
    model = get_peft_model(llm.model, config)
    model.enable_input_require_grads()

    args = TrainingArguments(
        output_dir=output_dir,
        report_to="none",
        num_train_epochs=5,
        per_device_train_batch_size=32,
        learning_rate=7e-4,
        lr_scheduler_type="cosine",
        logging_steps=10,
        save_strategy="no",
    )
    with open(RFT_DATA) as f:
        rows = json.load(f)
    trainset = TokenizedDataset(llm.tokenizer, rows, format_example)
    trainer = Trainer(model=model, args=args, train_dataset=trainset)
    trainer.train()
    trainer.save_model(output_dir)
    test_model(output_dir)


def test_model(ckpt_path=None):
    from peft import PeftModel

    if ckpt_path is None:
        ckpt_path = str(RFT_DIR)
    testset = Dataset("valid")
    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    llm.model.eval()
    result = benchmark(llm, testset, 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")
    # the wrong ones, to look at
    for s in result.samples:
        if not s.is_correct:
            print(s.question, "->", s.answer, "should be", s.correct_answer)


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
