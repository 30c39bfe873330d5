import argparse
import json
import logging

from .cot import CoTModel
from .data import Dataset, is_answer_valid
from .log import setup_logging, timed

logger = logging.getLogger(__name__)


def usable(text: str) -> bool:
    return text.count("<answer>") == 1 and text.count("</answer>") == 1 and text.endswith("</answer>")


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel("HuggingFaceTB/SmolLM2-1.7B-Instruct")
    train = Dataset("train")
    rows, rejected = [], 0
    with timed(logger, "sampling"):
        for i in range(len(train)):
            question, correct = train[i]
            texts = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)[0]
            texts = [t.strip() for t in texts]
            good = [t for t in texts if usable(t) and is_answer_valid(llm.parse_answer(t), correct)]
            if good:
                rows.append([question, correct, good[0]])
            else:
                rejected += 1
            if i % 50 == 0:
                logger.info("%d/%d, %d rejected", i, len(train), rejected)
    if not rows:
        raise RuntimeError("every sample was rejected")
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=1)
    logger.info("%d rows written to %s", len(rows), output_json)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("output_json")
    parser.add_argument("--oversample", type=int, default=10)
    parser.add_argument("--temperature", type=float, default=0.6)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    setup_logging(options.verbose)
    generate_dataset(options.output_json, options.oversample, options.temperature)
