"""Adapters on disk and on the model."""

from pathlib import Path

from peft import LoraConfig, PeftModel

HERE = Path(__file__).resolve().parent
SFT_DIR = HERE / "sft_output"
RFT_DIR = HERE / "rft_output"


def lora(rank):
    return LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")


def has_adapter(folder):
    return any((folder / f"adapter_model.{ending}").is_file() for ending in ("safetensors", "bin"))


def put_on(model, folder, **options):
    """The one place where adapters are read."""
    folder = Path(folder)
    if not has_adapter(folder):
        raise FileNotFoundError(f"no adapter in {folder}")
    settings = {"is_trainable": False, "adapter_name": "default", **options}
    return PeftModel.from_pretrained(model, str(folder), **settings)


class Session:
    """
    with Session(SFTModel, folder) as llm: ...

    Gives a model with its adapter and leaves everything tidy: memory freed, adapter card and config up to date.
    """

    def __init__(self, kind, folder, **options):
        self.kind, self.folder, self.options = kind, Path(folder), options

    def __enter__(self):
        self.llm = self.kind()
        self.llm.model = put_on(self.llm.model, self.folder, **self.options).to(self.llm.device)
        return self.llm

    def __exit__(self, *error):
        if error[0] is None:
            self.llm.model.save_pretrained(str(self.folder))
        del self.llm
        return False
