import os
import sys

from .base_llm import BaseLLM
from .data import HERE, Dataset, benchmark

OUT = os.path.join(HERE, "sft_model")


class SFTModel(BaseLLM):
    def format_prompt(self, question):
        return question.strip() + " <answer>"

    def parse_answer(self, text):
        return super().parse_answer("<answer>" + text)


def find_adapter(folder):
    for name in ("adapter_model.safetensors", "adapter_model.bin"):
        if os.path.exists(os.path.join(folder, name)):
            return folder
    raise FileNotFoundError(f"{folder}: {os.listdir(folder) if os.path.isdir(folder) else 'no such folder'}")


def load(folder=OUT):
    from peft import PeftModel

    llm = SFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, find_adapter(folder)).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question, answer):
    a = tokenizer(question)["input_ids"]
    b = tokenizer(answer + tokenizer.eos_token)["input_ids"]
    return {"input_ids": a + b, "labels": [-100] * len(a) + b}


def format_example(prompt, answer):
    return {"question": prompt.strip() + " <answer>", "answer": str(round(answer, 4)) + "</answer>"}


def train_adapter(llm, rows, folder, rank, **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    overwrite = kwargs.pop("overwrite", False)
    if os.path.exists(folder) and not overwrite:
        sys.exit(f"{folder} exists; --overwrite to train again")
    llm.model = get_peft_model(llm.model, LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", task_type="CAUSAL_LM"))
    args = TrainingArguments(folder, num_train_epochs=5, per_device_train_batch_size=32, learning_rate=6e-4, save_strategy="no", **kwargs)
    Trainer(llm.model, args, DataCollatorForSeq2Seq(llm.tokenizer), rows).train()
    llm.model.save_pretrained(folder)


def train_model(output_dir=OUT, **kwargs):
    llm = SFTModel()
    train_adapter(llm, [tokenize(llm.tokenizer, **format_example(*r)) for r in Dataset("train").data], output_dir, 8, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path=OUT):
    result = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print(result.accuracy, result.answer_rate)


if __name__ == "__main__":
    if sys.argv[1] == "train":
        train_model(**({"overwrite": True} if "--overwrite" in sys.argv else {}))
    elif sys.argv[1] == "test":
        test_model()
    else:
        load()
