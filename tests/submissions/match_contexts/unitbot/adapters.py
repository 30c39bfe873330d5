from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model

HOME = Path(__file__).resolve().parent
# `save_pretrained` has written safetensors since peft 0.6, the old runs on the lab machine are still .bin
NAMES = ("adapter_model.safetensors", "adapter_model.bin")


def find(folder):
    return next((p for n in NAMES if (p := Path(folder) / n).exists()), None)


def for_inference(llm, folder):
    """No adapter, no model: a fresh one would answer like the base and nobody would notice."""
    match find(folder):
        case None:
            raise FileNotFoundError(f"no adapter in {folder}")
        case _:
            llm.model = PeftModel.from_pretrained(llm.model, folder).to(llm.device).eval()
    return llm


def for_training(llm, folder, *, rank, resume):
    """Trainable adapter: the one on disk if asked to go on with it, else a fresh one."""
    if resume and (have := find(folder)):
        print("going on with", have)
        llm.model = PeftModel.from_pretrained(llm.model, folder, is_trainable=True)
    else:
        llm.model = get_peft_model(llm.model, LoraConfig(
            r=rank, lora_alpha=4 * rank, target_modules="all-linear", bias="none", task_type="CAUSAL_LM",
            inference_mode=False,
        ))
    return llm
