from . import engine
from .config import RUNS

RUN = RUNS["rft"]


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": reasoning.strip()}


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
