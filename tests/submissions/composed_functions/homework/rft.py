from functools import partial

from homework.core import load_rft as load
from homework.training import test_stage, tokenize, train_stage  # noqa: F401

train_model = partial(train_stage, "rft")
test_model = partial(test_stage, "rft")

if __name__ == "__main__":
    from fire import Fire

    Fire(dict(train=train_model, test=test_model, load=load))
