import json
import logging
import sys
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid
from .util import setup_logging

log = logging.getLogger(__name__)


def accept(text: str, value: float, correct: float) -> bool:
    if text.count("<answer>") != 1 or text.count("</answer>") != 1 or not text.endswith("</answer>"):
        return False
    return "<|im_" not in text and is_answer_valid(value, correct)


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6) -> None:
    target = Path(output_json)
    llm, train, rows = CoTModel(), Dataset("train"), []
    for i in range(0, len(train), 25):
        part = train[i : i + 25]
        tries = llm.batched_generate([llm.format_prompt(r[0]) for r in part], oversample, temperature, chunk=25)
        for (question, correct), texts in zip(part, tries):
            texts = [t.strip() for t in texts]
            good = [t for t in texts if accept(t, llm.parse_answer(t), correct)]
            if good:
                rows.append([question, correct, good[0]])
        log.info("%d questions, %d rows", min(i + 25, len(train)), len(rows))
    if not rows:
        raise RuntimeError("no sample was accepted; an empty file would only fail later")
    temporary = target.with_suffix(".tmp")
    temporary.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    temporary.replace(target)


if __name__ == "__main__":
    setup_logging()
    generate_dataset(sys.argv[1])
