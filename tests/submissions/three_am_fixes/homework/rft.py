from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .sft import TokenizedDataset, add_lora, folder
from .sft import load as load_from


def load():
    return load_from("rft_model")


def with_reasoning(question, answer, reasoning):
    return {"question": question.strip(), "answer": reasoning}


def train_model(output_dir="rft_model", **kwargs):
    from .train_utils import go

    llm = BaseLLM()
    add_lora(llm, 16)
    go(llm, TokenizedDataset(llm.tokenizer, Dataset("rft"), with_reasoning), folder(output_dir), **{"lr": 5e-4, **kwargs})
    test_model(output_dir)


def test_model(ckpt_path="rft_model"):
    r = benchmark(load_from(ckpt_path), Dataset("valid"), 100)
    print(f"{r.accuracy=}  {r.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
