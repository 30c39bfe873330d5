from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .trl_common import RunSpec, assistant, run_sft, user


def load(name="sft_model"):
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, RunSpec(name).folder).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question, answer):
    # SFTTrainer does its own; this one is for looking at single rows
    prompt = tokenizer(question)["input_ids"]
    rest = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    return {
        "input_ids": prompt + rest,
        "attention_mask": [1] * len(prompt + rest),
        "labels": [-100] * len(prompt) + rest,
    }


def format_example(prompt, answer):
    return {"question": prompt.strip(), "answer": f" <answer>{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[i]))


def trl_rows(data):
    for i in range(len(data)):
        example = format_example(*data[i])
        yield {"prompt": [user(example["question"])], "completion": [assistant(example["answer"].strip())]}


def train_model(output_dir="sft_model", **kwargs):
    run_sft(RunSpec(output_dir), trl_rows(Dataset("train")), **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="sft_model"):
    result = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
