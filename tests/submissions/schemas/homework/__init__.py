from homework.core.llm import BaseLLM
from homework.core.questions import Dataset
from homework.tasks import load_cot, load_rft, load_sft

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]
