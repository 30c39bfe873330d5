"""The rule about fp16: by wish and with a scaler, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent.submission_code import read_sources

FP16_FAULTS = {
    "full evaluation in a dict": """
        COMMON = {"per_device_train_batch_size": 8,
                  "fp16_full_eval": True}  # <- fp16-unguarded
        def train_model(**kwargs):
            Trainer(args=TrainingArguments("out", **{**COMMON, **kwargs})).train()
        """,
    "flag by hardware": """
        def train_model():
            use_bf16 = torch.cuda.is_bf16_supported()
            args = TrainingArguments("out", bf16=use_bf16, fp16=not use_bf16)  # <- fp16-unguarded
            Trainer(args=args).train()
        """,
    "accelerate without a scaler": """
        from accelerate import Accelerator
        def train_model():
            accelerator = Accelerator(mixed_precision="no")
            model = AutoModelForCausalLM.from_pretrained("x", dtype=torch.float16)  # <- fp16-unguarded
            accelerator.backward(model(1).loss)
        """,
    "flag wherever there is a GPU": """
        def train_model():
            Trainer(args=TrainingArguments("out", fp16=torch.cuda.is_available())).train()  # <- fp16-unguarded
        """,
    "fallback in a helper": """
        def pick():
            if torch.cuda.is_bf16_supported():
                return torch.bfloat16
            return torch.float16  # <- fp16-unguarded
        def load():
            return AutoModelForCausalLM.from_pretrained("x", dtype=pick())
        """,
    "weights halved before a loop": """
        def train_model():
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            model.half()  # <- fp16-unguarded
            for batch in []:
                pass
            for batch in loader():
                model(**batch).loss.backward()
        """,
    "autocast without scaler": """
        def train_model():
            model = AutoModelForCausalLM.from_pretrained("x")
            for batch in loader():
                with torch.autocast("cuda", dtype=torch.float16):  # <- fp16-unguarded
                    loss = model(**batch).loss
                loss.backward()
        """,
    "a field of a dataclass": """
        from dataclasses import dataclass
        @dataclass
        class Settings:
            fp16_full_eval: bool = True  # <- fp16-unguarded
        def train_model(settings=Settings()):
            Trainer(args=TrainingArguments("out", fp16_full_eval=settings.fp16_full_eval)).train()
        """,
    "fp16 full eval set later": """
        def train_model():
            args = TrainingArguments("o", bf16=True)
            args.fp16_full_eval = True  # <- fp16-unguarded
            Trainer(get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8)), args).train()
        """,
    "fp16 weights on gpu": """
        def make(device):
            dtype = torch.float16 if device == "cuda" else torch.float32  # <- fp16-unguarded
            return AutoModelForCausalLM.from_pretrained("x", torch_dtype=dtype)
        def train_model():
            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = get_peft_model(make(device), LoraConfig(r=8))
            for batch in loader():
                model(**batch).loss.backward()
        """,
}
FP16_HEALTHY = {
    "by wish from the command line": """
        import argparse
        def main():
            args = argparse.ArgumentParser().parse_args()
            fp16 = args.fp16 and torch.cuda.is_available()
            Trainer(args=TrainingArguments("out", fp16=fp16)).train()
        if __name__ == "__main__":
            main()
        """,
    "by wish from the environment": """
        def dtype():
            wish = os.environ.get("SFT_PRECISION", "fp32")
            if wish == "fp16" and torch.cuda.is_available():
                return torch.float16
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
        def train_model():
            model = AutoModelForCausalLM.from_pretrained("x", dtype=dtype())
            scaler = torch.amp.GradScaler()
            scaler.scale(model(1).loss).backward()
        """,
    "only mentioned": '''
        """fp16=True and fp16_full_eval=True overflowed here."""
        NOTE = "never set fp16_full_eval=True"
        def train_model():
            # TrainingArguments("out", fp16_full_eval=True)
            Trainer(args=TrainingArguments("out", bf16=True, fp16_full_eval=False)).train()
        ''',
    "dead code": """
        def old_train():
            Trainer(args=TrainingArguments("out", fp16_full_eval=True)).train()
        def train_model():
            if False:
                old_train()
            Trainer(args=TrainingArguments("out")).train()
        """,
    "a scaler": """
        def train_model():
            model = AutoModelForCausalLM.from_pretrained("x")
            scaler = torch.cuda.amp.GradScaler()
            with torch.autocast("cuda", dtype=torch.float16):
                loss = model(1).loss
            scaler.scale(loss).backward()
        """,
    "fp16 on cuda with scaler": """
        def train_model():
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8)).cuda()
            use_fp16 = torch.cuda.is_available() and not torch.cuda.is_bf16_supported()
            scaler = torch.amp.GradScaler("cuda", enabled=use_fp16)
            opt = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
            for batch in loader():
                with torch.autocast("cuda", dtype=torch.float16 if use_fp16 else torch.bfloat16):
                    loss = model(**batch).loss
                scaler.scale(loss).backward()
                scaler.unscale_(opt)
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                scaler.step(opt)
                scaler.update()
                opt.zero_grad(set_to_none=True)
        """,
    "fp16 by Trainer with a wish in an option": """
        import typer
        app = typer.Typer()
        @app.command()
        def train(output_dir: str = "sft_model", fp16: bool = typer.Option(False, help="on a T4")):
            m = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            Trainer(m, TrainingArguments(output_dir, fp16=fp16 and torch.cuda.is_available())).train()
        if __name__ == "__main__":
            app()
        """,
    "a GPU demanded, not chosen by": """
        PLANS = {}
        def plan(name):
            def register(f):
                PLANS[name] = f
                return f
            return register
        @plan("fp32")
        def plain():
            return {}
        @plan("fp16")
        def mixed():
            if not torch.cuda.is_available():
                raise RuntimeError("fp16 needs a GPU and its scaler")
            return {"fp16": True}
        def train_model(precision="fp32"):
            Trainer(args=TrainingArguments("out", **PLANS[os.environ["PLAN"]]())).train()
        """,
    "accelerate with a scaler": """
        from accelerate import Accelerator
        def train_model(precision):
            accelerator = Accelerator(mixed_precision=precision)
            model = AutoModelForCausalLM.from_pretrained("x", dtype=torch.float16)
            accelerator.backward(model(1).loss)
        """,
}


@pytest.mark.parametrize("code", [*FP16_FAULTS.values(), *FP16_HEALTHY.values()], ids=[*FP16_FAULTS, *FP16_HEALTHY])
def test_unguarded_fp16(tmp_path: Path, code: str) -> None:
    """fp16 as a fallback or without a scaler is found where it is written; by wish, or unreached, it is not."""
    snippets.assert_as_marked(tmp_path, code)


def test_plain_flag_is_a_note(tmp_path: Path) -> None:
    """fp16=True may run on a GPU, with the trainer's own scaler: it is told, and condemned nobody."""
    snippets.write(
        tmp_path,
        'def train_model():\n    Trainer(args=TrainingArguments("out", fp16=True)).train()\n',
        prelude=snippets.IMPORTS,
    )
    outcomes = [outcome for outcome in read_sources(tmp_path) if outcome.slug == "fp16-unguarded"]

    assert [(outcome.status, "possible only" in outcome.message) for outcome in outcomes] == [("passed", True)]
