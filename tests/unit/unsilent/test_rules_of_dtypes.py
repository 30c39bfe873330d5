"""Rules about dtypes: two for one base, and one that is ignored."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

MODEL = """
class LLM:
    def __init__(self, use_fp32_for_training=False):
        dtype = torch.float32 if use_fp32_for_training else torch.bfloat16
        self.model = AutoModelForCausalLM.from_pretrained("x", torch_dtype=dtype)
        self.tokenizer = AutoTokenizer.from_pretrained("x", padding_side="left")
    def answer(self, *questions):
        return self.model.generate(**self.tokenizer(list(questions), padding=True))
def load():
    llm = LLM()
    llm.model = PeftModel.from_pretrained(llm.model, "sft_model")
    return llm
"""


@pytest.mark.parametrize(
    ("train", "mismatch"),
    [
        ("llm = LLM(use_fp32_for_training=True)", True),
        ("llm = LLM(True)", True),
        ("llm = LLM(**{'use_fp32_for_training': 1 > 0})", True),
        ("llm = LLM(); llm.model = llm.model.float()", True),
        ("llm = LLM(); llm.model.to(dtype=torch.float32)", True),
        ("llm = LLM()", False),
        ("llm = LLM(); llm.model = AutoModelForCausalLM.from_pretrained('x', dtype='auto')", False),
        ("llm = LLM(); llm.model = AutoModelForCausalLM.from_pretrained('x', dtype=json.load(open('d')))", False),
        ("llm = LLM(use_fp32_for_training=True); llm.model.to(torch.bfloat16)", False),
    ],
)
def test_dtype_of_training_and_of_answering(tmp_path: Path, train: str, *, mismatch: bool) -> None:
    """The base is followed through the constructor's flag and through casts, and compared in both uses."""
    body = f"{MODEL}\ndef train_model():\n    {train}\n    Trainer(get_peft_model(llm.model, LoraConfig())).train()\n"
    snippets.write(tmp_path, body, prelude=snippets.IMPORTS)
    slugs = [slug for slug, _, _ in snippets.found(tmp_path)]

    assert slugs == (["dtype-mismatch"] if mismatch else [])


@pytest.mark.parametrize(
    "code",
    [
        """
        def load():
            return AutoModelForCausalLM.from_pretrained("x", dtype="bfloat16", torch_dtype=torch.float32)  # <- deprecated-dtype-argument
        """,
        """
        def load():
            return AutoModelForCausalLM.from_pretrained("x", dtype="bfloat16", torch_dtype=torch.bfloat16)
        """,
        """
        def make(name, **options):
            return AutoModelForCausalLM.from_pretrained(name, dtype=options.get("dtype", torch.bfloat16))
        def load():
            return make("x", torch_dtype=torch.float32)  # <- deprecated-dtype-argument
        """,
        """
        def make(name, dtype=None, torch_dtype=None):
            return AutoModelForCausalLM.from_pretrained(name, dtype=dtype or torch_dtype)
        def load():
            return make("x", torch_dtype=torch.float32)
        """,
        """
        def make(name, dtype=torch.bfloat16):
            return AutoModelForCausalLM.from_pretrained(name).to(dtype=dtype)
        def load():
            return make("x").float()
        """,
        """
        class Loader:
            def __init__(self, **options):
                self.options = options
            def base(self):
                return AutoModelForCausalLM.from_pretrained("x", dtype=self.options.pop("torch_dtype", torch.float32))
        def load():
            return Loader(dtype=torch.bfloat16).base()  # <- deprecated-dtype-argument
        """,
        """
        def load(dtype="bfloat16"):  # <- deprecated-dtype-argument
            return AutoModelForCausalLM.from_pretrained("x")
        """,
        """
        KEY = "dtype" if new() else "torch_dtype"
        def make(dtype=torch.float32):
            return AutoModelForCausalLM.from_pretrained("x", **{KEY: dtype})
        def load():
            return make(torch.bfloat16)
        """,
        """
        def train_model(dtype=torch.bfloat16):
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            for batch in loader():
                with torch.autocast("cuda", dtype=dtype):
                    loss = model(**batch).loss
                loss.backward()
        """,
    ],
    ids=[
        *(
            "both names",
            "both names, one dtype",
            "the other name is read",
            "either name",
            "cast afterwards",
            "kept by an object",
            "never used",
        ),
        *("the name is chosen by version", "used by autocast"),
    ],
)
def test_ignored_dtype(tmp_path: Path, code: str) -> None:
    """A dtype that is asked for and never arrives is found where it is asked for."""
    snippets.assert_as_marked(tmp_path, code)
