import json
import logging
from collections import Counter
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid

log = logging.getLogger(__name__)


def generate_dataset(output_json, oversample=10, temperature=0.6):
    model = CoTModel()
    trainset = Dataset("train")
    count = Counter()
    rows = []
    for start in range(0, len(trainset), 10):
        part = [trainset[i] for i in range(start, min(start + 10, len(trainset)))]
        texts = model.batched_generate([model.format_prompt(q) for q, _ in part], oversample, temperature)
        for (question, correct), tries in zip(part, texts):
            chosen = None
            for text in tries:
                if text.count("<answer>") != 1 or text.count("</answer>") != 1:
                    count["bad tags"] += 1
                elif not is_answer_valid(model.parse_answer(text), correct):
                    count["wrong"] += 1
                else:
                    count["right"] += 1
                    chosen = chosen or text.split("</answer>")[0].strip() + "</answer>"
            if chosen is None:
                count["questions lost"] += 1
                log.debug("nothing right for %r, e.g. %r", question, tries[0])
            else:
                rows.append([question, correct, chosen])
        log.info("%d/%d %s", start + len(part), len(trainset), dict(count))
    if not rows:
        log.error("no rows")
        raise SystemExit(1)
    path = Path(output_json)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2))
    log.info("%d rows in %s", len(rows), path)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
