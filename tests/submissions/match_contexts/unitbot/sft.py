"""Course interface; everything lives in stages.py and loop.py."""
from functools import partial

from unitbot.loop import encode as tokenize  # noqa: F401
from unitbot.stages import load_sft as load, test, train  # noqa: F401

train_model = partial(train, "sft")
test_model = partial(test, "sft")
