import argparse
import logging

from .base_llm import BaseLLM
from .log import setup_logging

logger = logging.getLogger(__name__)


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        messages = [
            {
                "role": "system",
                "content": "You are a unit converter. Think in one short line, then write <answer>number</answer>.",
            },
            {"role": "user", "content": "How many feet are 4 yards?"},
            {"role": "assistant", "content": "1 yd = 3 ft, so 4 * 3 = <answer>12</answer>"},
            {"role": "user", "content": question.strip()},
        ]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    result = benchmark(CoTModel(), Dataset("valid"), 100)
    logger.info("accuracy %.3f answer rate %.3f", result.accuracy, result.answer_rate)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["test", "load"])
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    setup_logging(options.verbose)
    {"test": test_model, "load": load}[options.command]()
