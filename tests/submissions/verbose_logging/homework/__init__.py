import logging
import os

logging.basicConfig(
    level=os.environ.get("HOMEWORK_LOG", "INFO").upper(),
    format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    datefmt="%H:%M:%S",
)

from .base_llm import BaseLLM  # noqa: E402
from .cot import load as load_cot  # noqa: E402
from .data import Dataset  # noqa: E402
from .rft import load as load_rft  # noqa: E402
from .sft import load as load_sft  # noqa: E402
