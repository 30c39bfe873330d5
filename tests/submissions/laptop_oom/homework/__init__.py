import os

# must be set before torch is imported, otherwise it has no effect
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from .base_llm import BaseLLM  # noqa: E402
from .cot import load as load_cot  # noqa: E402
from .data import Dataset  # noqa: E402
from .rft import load as load_rft  # noqa: E402
from .sft import load as load_sft  # noqa: E402

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]
