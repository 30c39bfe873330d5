import sys
from .nb import *

load = ls
def train_model(output_dir=p.join(root, "sft_model")): fit(S(), "train", output_dir, 8); test_model()
def test_model(): print(bench(ls(), D("valid")))
if __name__ == "__main__": {"train": train_model, "test": test_model, "load": load, "export": export}[sys.argv[1]]()
