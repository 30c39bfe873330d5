from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .training import HERE, TokenizedDataset, attach, fit, tokenize


def load():
    return attach(BaseLLM(), HERE / "sft_model")


def format_example(prompt, answer):
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


def train_model(output_dir=str(HERE / "sft_model"), **kw):
    llm = BaseLLM()
    fit(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), output_dir, r=4, **kw)
    test_model(output_dir)


def test_model(ckpt_path=str(HERE / "sft_model")):
    print(benchmark(attach(BaseLLM(), ckpt_path), Dataset("valid"), 100))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
