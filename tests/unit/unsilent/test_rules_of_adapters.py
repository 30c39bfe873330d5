"""Rules about adapters: frozen while they train, or made up where one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

TRAIN = "Trainer(model=model, args=TrainingArguments('o')).train()"
FROZEN = {
    "flag in a dict": f"""
        LORA = dict(r=8,
            inference_mode=True)  # <- frozen-adapter
        def train_model():
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(**LORA))
            {TRAIN}
        """,
    "default of a helper": f"""
        def config(rank, inference_mode=True):  # <- frozen-adapter
            return LoraConfig(r=rank, inference_mode=inference_mode)
        def train_model():
            base = AutoModelForCausalLM.from_pretrained("x")
            model = get_peft_model(base, config(8))
            {TRAIN}
        """,
    "assigned afterwards": f"""
        def train_model():
            lora = LoraConfig(r=8)
            lora.inference_mode = not False  # <- frozen-adapter
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), lora)
            {TRAIN}
        """,
    "continued without is_trainable": f"""
        def train_model():
            model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), "sft_model")  # <- frozen-adapter
            {TRAIN}
        """,
    "a loop of one's own": """
        class Job:
            flags = {"inference_mode": True}  # <- frozen-adapter
            def __init__(self):
                self.model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8, **self.flags))
            def run(self):
                for batch in batches():
                    loss = self.model(**batch).loss
                    loss.backward()
        def train_model():
            Job().run()
        """,
    "a trainer of one's own": """
        class Mine(Trainer):
            pass
        def train_model():
            cfg = LoraConfig(r=8, inference_mode=True)  # <- frozen-adapter
            Mine(get_peft_model(AutoModelForCausalLM.from_pretrained("x"), cfg)).train()
        """,
    "a configuration nobody knows": f"""
        def train_model():
            configs = json.load(open("lora.json"))
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), configs["r8"])
            model.config.use_cache = False
            {TRAIN}
        """,
    "only loaded for answering": """
        CONFIG = LoraConfig(r=8, inference_mode=True)
        def load():
            return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), "sft_model", config=CONFIG)
        """,
    "overridden": f"""
        COMMON = dict(r=8, inference_mode=True)
        def train_model():
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(**{{**COMMON, "inference_mode": False}}))
            {TRAIN}
        """,
    "unfrozen by hand": f"""
        def train_model():
            model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), "sft_model")
            for name, p in model.named_parameters():
                if "lora_" in name:
                    p.requires_grad = True
            {TRAIN}
        """,
    "merged, then a new one": f"""
        def train_model():
            sft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), "sft_model").merge_and_unload()
            model = get_peft_model(sft, LoraConfig(r=8))
            {TRAIN}
        """,
    "loaded again after training": f"""
        def train_model():
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            {TRAIN}
            best = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), "o")
            best.eval()
        """,
    "trainable by a choice": f"""
        def train_model():
            model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), "sft_model", is_trainable=True)
            {TRAIN}
        """,
    "frozen by add_adapter": """
        def train_model():
            model = AutoModelForCausalLM.from_pretrained("x")
            model.add_adapter(LoraConfig(r=8, inference_mode=True))  # <- frozen-adapter
            Trainer(model).train()
        """,
    "frozen by load_adapter": """
        def train_model():
            model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), "a", is_trainable=True)
            model = AutoModelForCausalLM.from_pretrained("x")
            model.load_adapter("sft_model")  # <- frozen-adapter
            Trainer(model).train()
        """,
    "frozen by AutoPeft": """
        from peft import AutoPeftModelForCausalLM
        def train_model():
            model = AutoPeftModelForCausalLM.from_pretrained("sft_model")  # <- frozen-adapter
            Trainer(model).train()
        """,
    "frozen by freezing every parameter afterwards": """
        def train_model():
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            for p in model.parameters():
                p.requires_grad = False  # <- frozen-adapter
            Trainer(model).train()
        """,
    "is_trainable positional": """
        def train_model():
            base = AutoModelForCausalLM.from_pretrained("x")
            model = PeftModel.from_pretrained(base, "sft_model", "default", True)
            Trainer(model).train()
        """,
    "eval frozen then train mode": """
        def train_model():
            base = AutoModelForCausalLM.from_pretrained("x")
            for p in base.parameters():
                p.requires_grad = False
            base.requires_grad_(False)
            model = get_peft_model(base, LoraConfig(r=8))
            for n, p in model.named_parameters():
                if "lora_" not in n:
                    p.requires_grad = False
            Trainer(model).train()
        """,
    "frozen adapter for reference": """
        def train_model():
            ref = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), "sft_model").eval()
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            for batch in loader():
                with torch.no_grad():
                    target = ref(**batch).logits
                loss = torch.nn.functional.kl_div(model(**batch).logits, target)
                loss.backward()
        """,
    "frozen by requires_grad_ false after": """
        def train_model():
            m = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            m.requires_grad_(False)  # <- frozen-adapter
            Trainer(m).train()
        """,
    "a second adapter as a reference": """
        def train_model():
            model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), "sft_model", is_trainable=True)
            model.load_adapter("sft_model", adapter_name="reference")
            model.set_adapter("default")
            model(1).loss.backward()
        """,
}


@pytest.mark.parametrize("code", FROZEN.values(), ids=FROZEN)
def test_frozen_adapters(tmp_path: Path, code: str) -> None:
    """A frozen adapter that is trained is found where it was frozen; one that only answers is none."""
    snippets.assert_as_marked(tmp_path, code)


LOAD = """
class Model(BaseLLM):
    pass
"""
MADE_UP = {
    "in a handler": """
        def load(path="sft_model"):
            llm = BaseLLM()
            try:
                llm.model = PeftModel.from_pretrained(llm.model, path)
            except (OSError, ValueError):
                llm.model = get_peft_model(llm.model, LoraConfig(r=8))  # <- adapter-missing
            return llm
        """,
    "where the folder is not there": """
        def with_adapter(model, path):
            if not os.path.isdir(path):
                print("no adapter yet")
                return get_peft_model(model, LoraConfig(r=8))  # <- adapter-missing
            return PeftModel.from_pretrained(model, path)
        def load():
            llm = BaseLLM()
            llm.model = with_adapter(llm.model, "sft_model")
            return llm
        """,
    "saved, then loaded": """
        def load(path="sft_model"):
            llm = BaseLLM()
            if not Path(path).exists():
                fresh = get_peft_model(llm.model, LoraConfig(r=8))  # <- adapter-untrained
                fresh.save_pretrained(path)
            llm.model = PeftModel.from_pretrained(llm.model, path)
            return llm
        """,
    "an error": """
        def load(path="sft_model"):
            llm = BaseLLM()
            if not Path(path).exists():
                raise FileNotFoundError(path)
            llm.model = PeftModel.from_pretrained(llm.model, path)
            return llm
        """,
    "its state is loaded": """
        from peft import set_peft_model_state_dict
        def load(path="sft_model"):
            llm = BaseLLM()
            llm.model = get_peft_model(llm.model, LoraConfig(r=8))
            set_peft_model_state_dict(llm.model, torch.load(path))
            return llm
        """,
    "made for training": """
        def train_model():
            llm = BaseLLM()
            llm.model = get_peft_model(llm.model, LoraConfig(r=8))
            Trainer(llm.model).train()
            llm.model.save_pretrained("sft_model")
            print(llm.answer("How many g are 2 kg?"))
        """,
    "missing adapter by suppress": """
        from contextlib import suppress
        def load(path="sft_model"):
            llm = BaseLLM()
            llm.model = get_peft_model(llm.model, LoraConfig(r=8))  # <- adapter-missing
            with suppress(Exception):
                llm.model.load_adapter(path, "default")
            return llm
        """,
    "untrained when training is skipped": """
        def train_model(path="sft_model", skip=False):
            llm = BaseLLM()
            llm.model = PeftModel(llm.model, LoraConfig(r=8))  # <- adapter-untrained
            llm.model.save_pretrained(path)
        """,
    "fresh adapter unless resuming": """
        def train_model(output_dir="sft_model", resume=False):
            llm = BaseLLM()
            if resume:
                llm.model = PeftModel.from_pretrained(llm.model, output_dir, is_trainable=True)
            else:
                llm.model = get_peft_model(llm.model, LoraConfig(r=8))
            Trainer(llm.model, args=TrainingArguments(output_dir)).train()
            llm.model.save_pretrained(output_dir)
            test_model(output_dir)
        def test_model(path="sft_model"):
            llm = BaseLLM()
            llm.model = PeftModel.from_pretrained(llm.model, path)
            print(llm.answer("How many g are in 2 kg?"))
        """,
    "trained in a thread": """
        import asyncio
        async def train():
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            await asyncio.to_thread(Trainer(model=model, args=TrainingArguments("out")).train)
            model.save_pretrained("sft_model")
        def train_model():
            asyncio.run(train())
        """,
    "trained by foreign code, perhaps": """
        from elsewhere import fine_tune
        def train_model():
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            fine_tune(model, "data/train.json")
            model.save_pretrained("sft_model")
        """,
}


@pytest.mark.no_cover
@pytest.mark.parametrize("code", MADE_UP.values(), ids=MADE_UP)
def test_made_up_adapters(tmp_path: Path, code: str) -> None:
    """A new adapter in the place of a missing one is found where it is made; one that is trained is none."""
    snippets.assert_as_marked(tmp_path, code, with_llm=True)
