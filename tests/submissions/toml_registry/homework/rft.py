from functools import partial

from . import pipeline
from .pipeline import TokenizedDataset, encode as tokenize  # noqa: F401
from .prompting import REASONED


def format_example(prompt: str, answer: str) -> dict[str, str]:
    return {"question": REASONED.prompt(prompt), "answer": REASONED.reasoned(answer)}


@pipeline.register("rft", REASONED)
def _row(row):
    question, _gold, reasoning = row
    return format_example(question, reasoning)


load = partial(pipeline.load, "rft")
train_model = partial(pipeline.train, "rft")
test_model = partial(pipeline.evaluate, "rft")

if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
