import json, pathlib
import numpy as np

DIR = pathlib.Path(__file__).parent.parent / "data"

class Dataset:
    def __init__(self, split): self.data = json.loads((DIR / f"{split}.json").read_text())
    def __len__(self): return len(self.data)
    def __getitem__(self, i): return self.data[i]

def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))

def benchmark(func, dataset, max_question):
    rows = dataset.data[:max_question]
    got = np.array(func.answer(*[r[0] for r in rows]), dtype=float)
    want = np.array([r[1] for r in rows])
    ok = np.array([is_answer_valid(a, c) for a, c in zip(got, want)])
    # NaN would break the histogram below; the rates are computed before
    result = dict(accuracy=ok.mean(), answer_rate=(~np.isnan(got)).mean())
    error = np.nan_to_num(np.abs(got - want) / np.abs(want), nan=1e9)
    print("relative error, median and 90%:", np.percentile(error, [50, 90]))
    return result
