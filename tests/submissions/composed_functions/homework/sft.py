from functools import partial

from homework.core import load_sft as load
from homework.training import test_stage, tokenize, train_stage  # noqa: F401

train_model = partial(train_stage, "sft")
test_model = partial(test_stage, "sft")

if __name__ == "__main__":
    from fire import Fire

    Fire(dict(train=train_model, test=test_model, load=load))
