from .data import Dataset, benchmark
from .sft import fit, load_from


def load():
    return load_from("rft_model")


def format_reasoning(question, answer, reasoning):
    try:
        return {"question": question.strip(), "answer": reasoning.strip()}
    except AttributeError:
        raise ValueError(f"bad row in data/rft.json: {question!r}") from None


def train_model(output_dir="rft_model", **kwargs):
    try:
        rows = Dataset("rft")
    except FileNotFoundError:
        print("run python -m homework.datagen data/rft.json first")
        return
    fit(rows, format_reasoning, output_dir, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="rft_model"):
    result = benchmark(load_from(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
