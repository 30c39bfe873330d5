"""Reading and constraining what the model writes."""

import re

import torch
from transformers import LogitsProcessor

SCIENTIFIC = re.compile(r"\s*(?:x|\*|×)\s*10\s*\^\s*(-?\d+)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?|-?\.\d+")


def last_number(text):
    text = SCIENTIFIC.sub(r"e\1", text.replace(",", ""))
    found = NUMBER.findall(text)
    return float(found[-1]) if found else float("nan")


class DigitsOnly(LogitsProcessor):
    """Leaves the model the choice between digits, the point, the closing tag and the end of text."""

    def __init__(self, tokenizer, vocab_size):
        allowed = torch.zeros(vocab_size, dtype=torch.bool)
        for token, idx in tokenizer.get_vocab().items():
            if re.fullmatch(r"[0-9]+|\.", token):
                allowed[idx] = True
        allowed[tokenizer("</answer>", add_special_tokens=False)["input_ids"]] = True
        allowed[tokenizer.eos_token_id] = True
        self.blocked = ~allowed

    def __call__(self, input_ids, scores):
        return scores.masked_fill(self.blocked.to(scores.device), float("-inf"))
