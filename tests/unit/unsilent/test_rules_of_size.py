"""Rules about sizes: the parameter budget, and what a bundle leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

BASES = {
    "a larger base": """
        CHECKPOINT = "HuggingFaceTB/SmolLM2-1.7B-Instruct"  # <- base-too-large
        def load():
            return AutoModelForCausalLM.from_pretrained(CHECKPOINT)
        """,
    "a default argument": """
        class LLM:
            def __init__(self, name="Qwen/Qwen2.5-0.5B"):  # <- base-too-large
                self.model = AutoModelForCausalLM.from_pretrained(name)
        def load():
            return LLM()
        """,
    "a rank": """
        def train_model():
            base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
            cfg = LoraConfig(r=64, target_modules="all-linear")  # <- base-too-large
            Trainer(get_peft_model(base, cfg)).train()
        """,
    "a rank that a trainer is given": """
        from trl import SFTTrainer
        def train_model():
            base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
            SFTTrainer(base, peft_config=LoraConfig(64, target_modules="all-linear")).train()  # <- base-too-large
        """,
    "a configuration nobody knows": """
        def train_model():
            base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
            Trainer(get_peft_model(base, json.load(open("lora.json"))["sft"])).train()
        """,
    "a rank within the budget": """
        def train_model():
            base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
            cfg = LoraConfig(r=33, target_modules="all-linear")
            Trainer(get_peft_model(base, cfg)).train()
        """,
    "a high rank on modules nobody knows": """
        def train_model():
            base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
            cfg = LoraConfig(r=64, target_modules=json.load(open("modules.json")))
            Trainer(get_peft_model(base, cfg)).train()
        """,
    "a high rank on few modules": """
        def train_model():
            base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
            cfg = LoraConfig(r=64, target_modules=["q_proj", "v_proj"])
            Trainer(get_peft_model(base, cfg)).train()
        """,
    "a whole module beside it": """
        def train_model():
            base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
            cfg = LoraConfig(r=4, modules_to_save=["lm_head"])  # <- base-too-large
            Trainer(get_peft_model(base, cfg)).train()
        """,
    "only listed": """
        SIZES = {"large": "HuggingFaceTB/SmolLM2-1.7B-Instruct", "course": "HuggingFaceTB/SmolLM2-360M-Instruct"}
        def load(size="course"):
            return AutoModelForCausalLM.from_pretrained(SIZES[size])
        """,
    "rank from a dataclass": """
        from dataclasses import dataclass, field
        @dataclass
        class Cfg:
            base: str = "HuggingFaceTB/SmolLM2-360M-Instruct"
            rank: int = 48  # <- base-too-large
            modules: list = field(default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
        def train_model(cfg=Cfg()):
            m = AutoModelForCausalLM.from_pretrained(cfg.base)
            Trainer(get_peft_model(m, LoraConfig(r=cfg.rank, target_modules=cfg.modules))).train()
        """,
    "teacher generates with 1.7B in datagen": """
        # file: datagen.py
        def generate_dataset(output_json="data/rft.json"):
            tok = AutoTokenizer.from_pretrained("HuggingFaceTB/SmolLM2-1.7B-Instruct", padding_side="left")
            teacher = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-1.7B-Instruct")
            rows = [tok.decode(teacher.generate(**tok(q, return_tensors="pt"))[0]) for q, _ in json.load(open("data/train.json"))]
            json.dump(rows, open(output_json, "w"))
        if __name__ == "__main__":
            generate_dataset(*sys.argv[1:])
        """,
}


@pytest.mark.parametrize("code", BASES.values(), ids=BASES)
def test_bases(tmp_path: Path, code: str) -> None:
    """A base, or a rank, above the budget is found where its name or number stands."""
    snippets.assert_as_marked(tmp_path, code)
