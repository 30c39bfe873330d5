from . import engine
from .config import RUNS
from .engine import TokenizedDataset, tokenize  # noqa: F401

RUN = RUNS["sft"]


def format_example(prompt: str, answer: float) -> dict[str, str]:
    number = int(answer) if float(answer).is_integer() else round(answer, 3)
    return {"question": prompt.strip(), "answer": f"<answer>{number}</answer>"}


def load():
    return engine.load_run(RUN)


def train_model(output_dir: str | None = None, **kwargs):
    engine.train(RUN.override(output_dir, **kwargs), format_example)
    test_model(output_dir)


def test_model(ckpt_path: str | None = None):
    engine.test_run(RUN, ckpt_path)


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
