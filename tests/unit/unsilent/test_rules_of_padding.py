"""The rule about padding: on the left, where a batch is answered."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

PADDING = {
    "set to the right": """
        class LLM:
            def __init__(self):
                self.tok = AutoTokenizer.from_pretrained("x")
                self.tok.padding_side = "right"  # <- padding-side
                self.model = AutoModelForCausalLM.from_pretrained("x")
            def answer(self, *questions):
                return self.model.generate(**self.tok(list(questions), padding="longest"))
        def load():
            return LLM()
        """,
    "never set": """
        class LLM:
            def __init__(self):
                self.tokenizer = AutoTokenizer.from_pretrained("x")
                self.model = AutoModelForCausalLM.from_pretrained("x")
            def answer(self, *questions):
                batch = self.tokenizer.batch_encode_plus(list(questions), padding=True)  # <- padding-side
                return self.model.generate(input_ids=batch["input_ids"])
        def load():
            return LLM()
        """,
    "right for training, left for asking": """
        class LLM:
            def __init__(self, side="left"):
                self.tokenizer = AutoTokenizer.from_pretrained("x")
                self.tokenizer.padding_side = side
                self.model = AutoModelForCausalLM.from_pretrained("x")
            def answer(self, *questions):
                self.tokenizer.padding_side = "left"
                return self.model.generate(**self.tokenizer(list(questions), padding=True))
        def train_model():
            llm = LLM(side="right")
            rows = llm.tokenizer(json.load(open("t.json")), padding=True)
            Trainer(get_peft_model(llm.model, LoraConfig()), train_dataset=rows).train()
            print(llm.answer("?"))
        def load():
            return LLM()
        """,
    "padded by hand": """
        class LLM:
            def __init__(self):
                self.tokenizer = AutoTokenizer.from_pretrained("x")
                self.model = AutoModelForCausalLM.from_pretrained("x")
            def answer(self, *questions):
                ids = [self.tokenizer(q)["input_ids"] for q in questions]
                most = max(map(len, ids))
                rows = [row + [self.tokenizer.pad_token_id] * (most - len(row)) for row in ids]  # <- padding-side
                return self.model.generate(torch.tensor(rows))
        def load():
            return LLM()
        """,
    "padded by torch": """
        from torch.nn.utils.rnn import pad_sequence
        class LLM:
            def __init__(self):
                self.tokenizer = AutoTokenizer.from_pretrained("x")
                self.model = AutoModelForCausalLM.from_pretrained("x")
            def answer(self, *questions):
                ids = [torch.tensor(self.tokenizer(q)["input_ids"]) for q in questions]
                return self.model.generate(pad_sequence(ids, batch_first=True))  # <- padding-side
        def load():
            return LLM()
        """,
    "padded by torch, on the left": """
        from torch.nn.utils.rnn import pad_sequence
        class LLM:
            def __init__(self):
                self.tokenizer = AutoTokenizer.from_pretrained("x")
                self.model = AutoModelForCausalLM.from_pretrained("x")
            def answer(self, *questions):
                ids = [torch.tensor(self.tokenizer(q)["input_ids"]) for q in questions]
                return self.model.generate(pad_sequence(ids, batch_first=True, padding_side="left"))
            def generate(self, prompt):
                ids = torch.tensor(self.tokenizer(prompt)["input_ids"]).flip(0)
                return self.model.generate(pad_sequence([ids], batch_first=True).flip(1))
        def load():
            return LLM()
        """,
    "a single prompt": """
        class LLM:
            def __init__(self):
                self.tokenizer = AutoTokenizer.from_pretrained("x")
                self.model = AutoModelForCausalLM.from_pretrained("x")
            def answer(self, *questions):
                return [self.model.generate(**self.tokenizer(q, return_tensors="pt")) for q in questions]
        def load():
            return LLM()
        """,
    "said in the call": """
        class LLM:
            def __init__(self):
                self.tokenizer = AutoTokenizer.from_pretrained("x")
                self.model = AutoModelForCausalLM.from_pretrained("x")
            def answer(self, *questions):
                batch = self.tokenizer(list(questions), padding=True, padding_side="left")
                return self.model.generate(**batch)
        def load():
            return LLM()
        """,
    "padding by torch cat": """
        class LLM:
            def __init__(self):
                self.tokenizer = AutoTokenizer.from_pretrained("x")
                self.model = AutoModelForCausalLM.from_pretrained("x")
            def answer(self, *q):
                ids = [self.tokenizer(x, return_tensors="pt")["input_ids"][0] for x in q]
                n = max(len(i) for i in ids)
                ids = torch.stack([torch.nn.functional.pad(i, (0, n - len(i)), value=2) for i in ids])  # <- padding-side
                return [float(t) for t in self.tokenizer.batch_decode(self.model.generate(ids))]
        def load():
            return LLM()
        """,
    "single prompt with padding": """
        class LLM:
            def __init__(self):
                self.tokenizer = AutoTokenizer.from_pretrained("x")
                self.model = AutoModelForCausalLM.from_pretrained("x")
            def format_prompt(self, q):
                return f"{q} <answer>"
            def generate(self, prompt):
                enc = self.tokenizer(self.format_prompt(prompt), padding=True, return_tensors="pt")
                return self.tokenizer.decode(self.model.generate(**enc)[0])
            def parse_answer(self, t):
                try:
                    return float(t)
                except ValueError:
                    return float("nan")
            def answer(self, *qs):
                return [self.parse_answer(self.generate(q)) for q in qs]
        def load():
            return LLM()
        """,
}


@pytest.mark.parametrize("code", PADDING.values(), ids=PADDING)
def test_padding(tmp_path: Path, code: str) -> None:
    """Right padding in a batch that is answered is found where it is set, or where it is left open."""
    snippets.assert_as_marked(tmp_path, code)
