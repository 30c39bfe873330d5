"""The only place that talks to the hub."""
import logging
import os

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

LOG = logging.getLogger(__name__)
CHECKPOINTS = {
    "tiny": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "course": "HuggingFaceTB/SmolLM2-360M-Instruct",
    "large": "HuggingFaceTB/SmolLM2-1.7B-Instruct",
}


def load_backbone(size, **options):
    """options: dtype, device, attn"""
    dtype = options.get("dtype", torch.bfloat16)
    device = options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    attention = options.get("attn", "sdpa")
    name = os.environ.get("HW_CHECKPOINT", CHECKPOINTS.get(size, size))
    LOG.info("%s on %s", name, device)
    model = AutoModelForCausalLM.from_pretrained(name, dtype=dtype, attn_implementation=attention)
    tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
    return model.to(device), tokenizer
