from functools import partial

from . import pipeline
from .pipeline import TokenizedDataset, encode as tokenize  # noqa: F401  (course interface)
from .prompting import DIRECT


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": DIRECT.prompt(prompt), "answer": DIRECT.direct(answer)}


@pipeline.register("sft", DIRECT)
def _row(row):
    return format_example(row[0], row[1])


load = partial(pipeline.load, "sft")
train_model = partial(pipeline.train, "sft")
test_model = partial(pipeline.evaluate, "sft")

if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
