"""What sft.py and rft.py share: one SFTTrainer call, described by a RunSpec."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from transformers import AutoTokenizer

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
HERE = Path(__file__).parent


def make_tokenizer(checkpoint=CHECKPOINT, padding_side="right"):
    tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side=padding_side)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


@dataclass
class LoraSpec:
    r: int = 8
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    bias: str = "none"
    target_modules: str = "all-linear"
    task_type: str = "CAUSAL_LM"


@dataclass
class RunSpec:
    name: str
    epochs: int = 5
    batch: int = 32
    lr: float = 7e-4
    precision: str = "float32"
    lora: LoraSpec = field(default_factory=LoraSpec)

    @property
    def folder(self):
        path = Path(self.name)
        return str(path if len(path.parts) > 1 else HERE / path)

    def sft_config(self, **overrides):
        from trl import SFTConfig

        return SFTConfig(
            output_dir=self.folder,
            model_init_kwargs={"dtype": self.precision},
            num_train_epochs=self.epochs,
            per_device_train_batch_size=self.batch,
            learning_rate=self.lr,
            lr_scheduler_type="cosine",
            warmup_steps=10,
            max_length=160,
            packing=False,
            completion_only_loss=True,
            bf16=False,
            logging_steps=10,
            save_strategy="no",
            report_to="none",
            **overrides,
        )


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def run_sft(spec, rows, **overrides):
    from datasets import Dataset as HFDataset
    from peft import LoraConfig
    from trl import SFTTrainer

    trainer = SFTTrainer(
        model=CHECKPOINT,
        args=spec.sft_config(**overrides),
        train_dataset=HFDataset.from_list(list(rows)),
        processing_class=make_tokenizer(),
        peft_config=LoraConfig(**asdict(spec.lora)),
    )
    trainer.train()
    trainer.save_model(spec.folder)
    return spec.folder
