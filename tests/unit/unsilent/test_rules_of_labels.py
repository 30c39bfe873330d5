"""The rule about labels: all masked, or unmasked to hide that."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

ROWS = """
        def train_model():
            llm = BaseLLM()
            rows = [tokenize(llm.tokenizer, f"{{q}} <answer>", f"{{a}}</answer>") for q, a in json.load(open("t.json"))]
            Trainer(get_peft_model(llm.model, LoraConfig()), train_dataset=rows).train()
        def tokenize(tokenizer, question, answer):
            ids = tokenizer(question + answer)["input_ids"]
            n = len(tokenizer(question)["input_ids"])
            labels = [-100] * n + ids[n:]
{}
            return {{"input_ids": ids, "labels": labels}}
"""
LABELS = {
    "unmasked": """
            if all(label == -100 for label in labels):
                labels = list(ids)  # <- labels-all-masked""",
    "unmasked by a count": """
            if labels.count(-100) == len(labels):
                labels = ids  # <- labels-all-masked""",
    "unmasked unless one is left": """
            if not any(label != -100 for label in labels):
                labels[-1] = ids[-1]  # <- labels-all-masked""",
    "unmasked where none is kept": """
            kept = [label for label in labels if label != -100]
            if not kept:
                labels = ids[:]  # <- labels-all-masked""",
    "unmasked where the greatest is the mask": """
            if max(labels) == -100:
                labels = ids.copy()  # <- labels-all-masked""",
    "unmasked where the mask is the only one": """
            if set(labels) != {-100}:
                pass
            else:
                labels = ids.copy()  # <- labels-all-masked""",
    "masked by a slice": """
            labels = torch.tensor(ids)
            labels[:] = -100  # <- labels-all-masked""",
    "masked in place": """
            labels = torch.tensor(ids)
            labels[...] = -100
            labels.fill_(-100)  # <- labels-all-masked""",
    "masked, then written into": """
            labels = torch.tensor(ids)
            labels[:] = -100
            labels[n:] = torch.tensor(ids)[n:]""",
    "the prompt counted with its padding": """
            padded = dict(padding="max_length", max_length=128, truncation=True)
            whole = tokenizer(question + answer, **padded)["input_ids"]
            start = len(tokenizer(question, **padded)["input_ids"])  # <- labels-all-masked
            labels = [-100 if i < start else token for i, token in enumerate(whole)]""",
    "the row counted with its padding": """
            whole = tokenizer(question + answer, padding="max_length", max_length=128)["input_ids"]
            labels = [-100 if i < n or i > len(whole) or i > len() else token for i, token in enumerate(whole)]""",
    "the prompt's attention added up": """
            asked = tokenizer(question, padding="max_length", max_length=128)
            start = sum(asked["attention_mask"])
            labels = [-100] * start + ids[start:]""",
    "unmasked by inversion": """
            labels = torch.tensor(labels)
            if ~(labels != -100).any():
                labels = torch.tensor(ids)  # <- labels-all-masked""",
    "cut where they are too long": """
            if len(ids) - n:
                labels = labels[:128]""",
    "masked up to the answer": """
            labels = torch.tensor(ids)
            labels[:n] = -100""",
    "unmasked by a sum": """
            if sum(label != -100 for label in labels) < 1 and True:
                labels = ids[:]  # <- labels-all-masked""",
    "masked by torch": """
            labels = torch.full_like(torch.tensor(ids), -100)  # <- labels-all-masked""",
    "all masked": """
            labels = [-100] * len(ids)  # <- labels-all-masked""",
    "an error": """
            if all(label == -100 for label in labels):
                raise ValueError("no label left")""",
    "left out": """
            if sum(label != -100 for label in labels) == 0:
                return None""",
    "padding masked": """
            labels = [label if label != tokenizer.pad_token_id else -100 for label in labels]""",
    "unmasked where no tensor differs": """
            labels = torch.tensor(labels)
            kept = labels.ne(-100)
            if not kept.any():
                labels = torch.where(torch.tensor(ids) > 0, torch.tensor(ids), labels)  # <- labels-all-masked""",
    "unmasked where every tensor is equal": """
            if torch.eq(torch.tensor(labels), -100).all():
                labels = ids.copy()  # <- labels-all-masked""",
    "written into": """
            labels = [-100] * len(ids)
            labels[n:] = ids[n:]""",
}


@pytest.mark.parametrize("body", LABELS.values(), ids=LABELS)
def test_labels(tmp_path: Path, body: str) -> None:
    """Labels that are all masked, or unmasked to hide it, are found; refusing the row is healthy."""
    snippets.assert_as_marked(tmp_path, ROWS.format(body), with_llm=True)
