from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark

HERE = Path(__file__).parent


def folder(name):
    # 01:30 it was saved in homework/homework/, never again
    p = Path(name)
    return HERE / p.name if p.parent in (Path("."), Path(HERE.name)) else p


def load(name="sft_model"):
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, str(folder(name))).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question, answer):
    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(f"{question} {answer}{tokenizer.eos_token}", padding="max_length", truncation=True, max_length=128)
    n = len(tokenizer(question)["input_ids"])
    labels = [-100] * n + full["input_ids"][n:]
    full["labels"] = [l if m else -100 for l, m in zip(labels, full["attention_mask"])]
    return full


def format_example(prompt, answer):
    return {"question": prompt.strip(), "answer": f"<answer>{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer = tokenizer
        self.data = data
        self.format_fn = format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def add_lora(llm, r):
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", bias="none", r=r, lora_alpha=4 * r)
    llm.model = get_peft_model(llm.model, config)
    llm.model.enable_input_require_grads()  # 00:50 "element 0 of tensors does not require grad"
    llm.model.print_trainable_parameters()


def train_model(output_dir="sft_model", **kwargs):
    from .train_utils import go

    llm = BaseLLM()
    add_lora(llm, 8)
    go(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), folder(output_dir), **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="sft_model"):
    r = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print(f"{r.accuracy=}  {r.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
