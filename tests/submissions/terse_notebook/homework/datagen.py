import sys
from .nb import *

def generate_dataset(output_json, oversample=10, temperature=.6):
    m, d, out = C(), D("train").d, []
    for i in range(0, len(d), 8):
        for (q, a), ts in zip(d[i:i+8], m.batched_generate([m.format_prompt(q) for q, _ in d[i:i+8]], oversample, temperature)):
            out += [[q, a, t] for t in ts if ok(m.parse_answer(t), a)][:1]
    json.dump(out, open(output_json, "w"))

if __name__ == "__main__": generate_dataset(*sys.argv[1:])
