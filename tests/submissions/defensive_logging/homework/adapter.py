import functools
import logging
from pathlib import Path

import torch

log = logging.getLogger(__name__)
NAMES = ("adapter_model.safetensors", "adapter_model.bin")


def find_weights(folder: Path) -> Path:
    present = [folder / n for n in NAMES if (folder / n).is_file()]
    if not present:
        raise FileNotFoundError(f"{folder} holds none of {', '.join(NAMES)}. Train first.")
    if len(present) > 1:
        raise RuntimeError(f"{folder} holds both formats, remove the stale one: {present}")
    return present[0]


def read_tensors(path: Path) -> dict:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    log.info("no safetensors in %s, reading the older format", path.parent)
    return torch.load(path, map_location="cpu", weights_only=True)


def assert_trained(tensors: dict, where: Path) -> None:
    bad = [k for k, v in tensors.items() if not torch.isfinite(v).all()]
    if bad:
        raise ValueError(f"{where}: NaN or inf in {len(bad)} tensors, {bad[:3]}")
    if not any(v.any() for k, v in tensors.items() if "lora_B" in k):
        raise ValueError(f"{where}: every lora_B is zero, this adapter was never trained")


def attach(llm, folder):
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

    folder = Path(folder)
    path = find_weights(folder)
    tensors = read_tensors(path)
    assert_trained(tensors, path)
    config = LoraConfig.from_pretrained(str(folder), inference_mode=True)
    model = get_peft_model(llm.model, config)
    report = set_peft_model_state_dict(model, tensors)
    if report is not None and getattr(report, "unexpected_keys", None):
        raise RuntimeError(f"{path}: {len(report.unexpected_keys)} tensors fit nowhere, {report.unexpected_keys[:2]}")
    llm.model = model.to(llm.device).eval()
    return llm


@functools.lru_cache(maxsize=4)
def _attached(factory, folder: str, changed: int):
    return attach(factory(), folder)


def load_cached(factory, folder):
    # after a new training the time differs and the adapter is read anew
    return _attached(factory, str(folder), find_weights(Path(folder)).stat().st_mtime_ns)


def save(model, folder) -> None:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)
    model.save_pretrained(str(folder), safe_serialization=True)
    assert_trained(read_tensors(find_weights(folder)), folder)
