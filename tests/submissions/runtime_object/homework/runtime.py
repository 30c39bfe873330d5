"""What this machine can do. Import `runtime` and ask it."""

import logging
import os

import torch

logger = logging.getLogger("homework")


class Runtime:
    _shared = None

    def __new__(cls):
        if cls._shared is None:
            cls._shared = super().__new__(cls)
            cls._shared.full_precision_training = os.getenv("FULL_PRECISION", "1") == "1"
        return cls._shared

    @property
    def device(self) -> str:
        return "cuda" if torch.cuda.is_available() else "cpu"

    @property
    def has_bf16(self) -> bool:
        if self.device == "cpu":
            return True
        major, _minor = torch.cuda.get_device_capability()
        return major >= 8

    @property
    def compute_dtype(self) -> torch.dtype:
        """Dtype the weights are loaded in when the caller has no opinion."""
        if self.has_bf16:
            return torch.bfloat16
        logger.warning("no bf16 on this GPU, falling back to half precision")
        return torch.float16

    @property
    def autocast(self):
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.has_bf16 and self.device == "cuda")


runtime = Runtime()
