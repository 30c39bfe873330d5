"""files: rows, adapters, the zip"""
import json
import shutil
import zipfile
from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model

PKG = Path(__file__).parent
JUNK = {"__pycache__", "checkpoints", "runs", "grader"}


class Rows:
    def __init__(self, split: str):
        self.rows = json.loads((PKG.parent / "data" / f"{split}.json").read_text())

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, k):
        return self.rows[k]


def adapter_folder(kind: str) -> Path:
    return PKG / f"{kind}_model"


def prepare_adapter(model, kind: str, rank: int) -> Path:
    """Make sure there is something in the folder that PEFT can read."""
    folder = adapter_folder(kind)
    weights = [folder / "adapter_model.safetensors", folder / "adapter_model.bin"]
    if not any(w.exists() for w in weights):
        folder.mkdir(parents=True, exist_ok=True)
        blank = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=rank, lora_alpha=4 * rank, target_modules="all-linear"))
        blank.save_pretrained(folder)
        blank.unload()
    return folder


def open_adapter(llm, kind: str, rank: int):
    folder = prepare_adapter(llm.model, kind, rank)
    llm.model = PeftModel.from_pretrained(llm.model, str(folder))
    llm.model.eval()
    return llm


def pack(target="submission.zip", limit_mb=50):
    """python -c 'from hw3.io import pack; pack()'"""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
        for f in sorted(PKG.rglob("*")):
            inside = f.relative_to(PKG.parent)
            if f.is_file() and not JUNK & set(inside.parts[1:]):
                z.write(f, inside)
    size = Path(target).stat().st_size / 1e6
    if size > limit_mb:
        shutil.move(target, target + ".too_big")
        raise SystemExit(f"{size:.1f} MB, at most {limit_mb}")
