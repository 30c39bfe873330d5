import logging

from .data import Dataset, benchmark
from .sft import fit, load_adapter, lora_config

log = logging.getLogger(__name__)


def load():
    return load_adapter("rft_model")


def format_reasoning(question, answer, reasoning):
    log.debug("%r: %s", question, reasoning)
    return {"question": question, "answer": reasoning}


def train_model(output_dir="rft_model", **kwargs):
    fit(lora_config(r=16, lora_alpha=64), Dataset("rft"), format_reasoning, output_dir, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="rft_model"):
    result = benchmark(load_adapter(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
