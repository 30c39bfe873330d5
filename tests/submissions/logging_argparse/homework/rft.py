import logging

from . import sft
from .base_llm import BaseLLM
from .data import Dataset
from .log import setup_logging

logger = logging.getLogger(__name__)

MODEL_NAME = "rft_model"
DEFAULT_OUTPUT = "homework/rft_model"


def load() -> BaseLLM:
    return sft.load_adapter(MODEL_NAME)


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": reasoning.strip()}


def train_model(output_dir: str = DEFAULT_OUTPUT, **kwargs):
    rows = Dataset("rft")
    if len(rows) == 0:
        raise ValueError("data/rft.json is empty; run homework.datagen first")
    sft.train_model(output_dir, rows=rows, format_fn=format_example, **kwargs)


def test_model(ckpt_path: str = DEFAULT_OUTPUT):
    sft.test_model(ckpt_path)


def main():
    options = sft.parse_args(DEFAULT_OUTPUT)
    setup_logging(options.verbose, options.logfile)
    if options.command == "train":
        train_model(options.output_dir, **sft.training_options(options))
    elif options.command == "test":
        test_model(options.output_dir)
    else:
        load()


if __name__ == "__main__":
    main()
