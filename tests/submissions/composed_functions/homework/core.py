from functools import lru_cache, partial
from pathlib import Path
from types import MethodType

import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from homework.fn import bisecting, chunked
from homework.prompts import STYLES, cot_style

HERE = Path(__file__).parent
CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
FORMATS = frozenset({"adapter_model.bin", "adapter_model.safetensors"})


@lru_cache(maxsize=None)
def modes():
    return yaml.safe_load((HERE / "modes.yaml").read_text())


def dtype_of(mode="course"):
    return getattr(torch, modes()[mode]["dtype"])


class BaseLLM:
    def __init__(self, checkpoint=CHECKPOINT, style=STYLES["base"], mode="course", room=60):
        self.device = DEVICE
        self.room = room
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype_of(mode)).to(DEVICE)
        self.format_prompt, self.parse_answer = style

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        many = num_return_sequences or 1
        step = bisecting(partial(self._sample, many, temperature), (torch.cuda.OutOfMemoryError,))
        groups = [group for part in chunked(prompts, 32) for group in step(part)]
        return groups if num_return_sequences is not None else [g for (g,) in groups]

    @torch.inference_mode()
    def _sample(self, many, temperature, prompts):
        enc = self.tokenizer(prompts, padding=True, return_tensors="pt").to(DEVICE)
        how = dict(do_sample=True, temperature=temperature) if temperature else dict(do_sample=False)
        out = self.model.generate(
            **enc, max_new_tokens=self.room, num_return_sequences=many, pad_token_id=self.tokenizer.pad_token_id, **how
        )
        texts = self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[1] :], skip_special_tokens=True)
        return list(chunked(texts, many))

    def answer(self, *questions):
        return list(map(self.parse_answer, self.batched_generate(list(map(self.format_prompt, questions)))))


def present(folder):
    names = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    return "adapter_config.json" in names and not FORMATS.isdisjoint(names)


def with_adapter(llm, folder):
    if not present(folder):
        raise FileNotFoundError(f"no adapter in {folder}")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder), is_trainable=False).eval()
    return llm


def with_style(llm, make):
    llm.format_prompt, llm.parse_answer = make(llm.tokenizer)
    return llm


def load_stage(stage, room, folder=None):
    return with_adapter(BaseLLM(style=STYLES[stage], room=room), Path(folder or HERE / f"{stage}_output"))


load_sft = partial(load_stage, "sft", 16)
load_rft = partial(load_stage, "rft", 60)


def load_cot():
    return with_style(BaseLLM(), cot_style)


def traced(llm, log):
    """Debugging aid: the same generate, every call noted. Does not change what comes back."""
    original = llm.generate

    def generate(self, prompt):
        text = original(prompt)
        log.append((prompt, text))
        return text

    llm.generate = MethodType(generate, llm)
    return llm
