import sys
from .nb import *

load = lr_
def train_model(output_dir=p.join(root, "rft_model")): fit(R(), "rft", output_dir, 16, lr=4e-4); test_model()
def test_model(): print(bench(lr_(), D("valid")))
if __name__ == "__main__": {"train": train_model, "test": test_model, "load": load}[sys.argv[1]]()
