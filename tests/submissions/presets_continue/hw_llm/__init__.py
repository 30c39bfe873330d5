from .config import active
from .data import Dataset
from .modeling import BaseLLM, CoTModel
from .training import Adapted


def load_cot():
    return CoTModel()


def load_sft():
    return Adapted.restore("sft")


def load_rft():
    return Adapted.restore("rft")
