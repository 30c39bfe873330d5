"""Course interface; everything lives in stages.py and loop.py."""
from functools import partial

from unitbot.loop import encode as tokenize  # noqa: F401
from unitbot.stages import load_rft as load, test, train  # noqa: F401

train_model = partial(train, "rft")
test_model = partial(test, "rft")
