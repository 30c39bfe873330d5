from .data import Dataset, benchmark
from .sft import load_from, run


def load():
    return load_from("rft_model")


def format_example(prompt, _answer, reasoning):
    return {"question": prompt, "answer": reasoning}


def train_model(output_dir="homework/rft_model", **kwargs):
    run(output_dir, "rft", format_example, r=16, **{"learning_rate": 5e-4, **kwargs})
    test_model()


def test_model():
    print(benchmark(load(), Dataset("valid"), 100))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
