import json
import sys

from .defs import E_NOROWS, E_USAGE, OK
from .llm import load_cot
from .table import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    m = load_cot()
    d = Dataset("train")
    out = []
    for i in range(len(d)):
        q, c = d[i]
        t = m.batched_generate([m.format_prompt(q)], oversample, temperature)[0]
        for j in range(len(t)):
            if is_answer_valid(m.parse_answer(t[j]), c):
                out.append([q, c, t[j].strip()])
                break
    if not out:
        return E_NOROWS
    with open(output_json, "w") as fp:
        json.dump(out, fp)
    return OK


if __name__ == "__main__":
    sys.exit(generate_dataset(sys.argv[1]) if len(sys.argv) > 1 else E_USAGE)
