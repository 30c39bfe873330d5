from __future__ import annotations

from .contracts import PromptStyle

LENGTH = 160
IGNORE = -100


class EncodedRows:
    """Rows as the Trainer wants them: prompt and padding ignored, the end token learnt."""

    def __init__(self, tokenizer, rows, style: PromptStyle) -> None:
        self.items = [self._encode(tokenizer, style.prompt(row[0]), style.target(row)) for row in rows]
        for index, item in enumerate(self.items):
            if all(label == IGNORE for label in item["labels"]):
                raise ValueError(f"row {index}: every label is masked, raise LENGTH")

    @staticmethod
    def _encode(tokenizer, prompt: str, target: str) -> dict[str, list[int]]:
        head = tokenizer(prompt)["input_ids"]
        ids = tokenizer(prompt + target)["input_ids"] + [tokenizer.eos_token_id]
        ids = ids[:LENGTH]
        fill = LENGTH - len(ids)
        # right padding: this is training, the attention mask takes care of it
        return {
            "input_ids": ids + [tokenizer.pad_token_id] * fill,
            "attention_mask": [1] * len(ids) + [0] * fill,
            "labels": [IGNORE] * len(head) + ids[len(head) :] + [IGNORE] * fill,
        }

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return self.items[index]
