"""An async client around a local model. The synchronous interface of the course is a thin shell."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from .text import OPEN, bare, direct, encode, read_value

HERE = Path(__file__).resolve().parent
CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"


def run(coroutine):
    """asyncio.run that also works when a loop is already there (notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


class BaseLLM:
    prepare: Callable[[str], str] = staticmethod(lambda q: q)
    opened = ""
    room = 60

    def __init__(self, checkpoint=CHECKPOINT, capacity=8):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)
        self.capacity = capacity

    # -- the course's interface

    def format_prompt(self, question: str) -> str:
        return self.prepare(question)

    def parse_answer(self, text: str) -> float:
        return read_value(self.opened + text)

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        groups = run(self.agenerate(list(prompts), num_return_sequences or 1, temperature))
        return groups if num_return_sequences is not None else [group[0] for group in groups]

    def answer(self, *questions):
        return run(self.aanswer(*questions))

    # -- what really happens

    async def aanswer(self, *questions):
        groups = await self.agenerate([self.format_prompt(q) for q in questions], 1, 0)
        return [self.parse_answer(text) for (text,) in groups]

    async def agenerate(self, prompts, copies, temperature):
        """A list of `copies` texts for every prompt. Never more than `capacity` sequences at once."""
        if len(prompts) * copies > self.capacity:
            size = max(1, self.capacity // copies)
            groups = []
            for start in range(0, len(prompts), size):
                groups += await self.agenerate(prompts[start : start + size], copies, temperature)
            return groups
        return await asyncio.to_thread(self._forward, prompts, copies, temperature)

    @torch.inference_mode()
    def _forward(self, prompts, copies, temperature):
        batch = encode(self.tokenizer, prompts).to(self.device)
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        out = self.model.generate(
            **batch,
            max_new_tokens=self.room,
            num_return_sequences=copies,
            pad_token_id=self.tokenizer.pad_token_id,
            **sampling,
        )
        texts = self.tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        return [texts[i : i + copies] for i in range(0, len(texts), copies)]


class SFTModel(BaseLLM):
    prepare = staticmethod(direct)
    opened = OPEN
    room = 20


class RFTModel(BaseLLM):
    prepare = staticmethod(bare)
    room = 80


class CoTModel(BaseLLM):
    room = 90
    shots = [
        ("How many gram are there per 6 kg?", "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"),
        ("Change 3 h to its equivalent in min.", "1 h = 60 min. 3 * 60 = <answer>180</answer>"),
    ]

    def format_prompt(self, question):
        chat = [{"role": "system", "content": "You convert units. Think in one line, answer in <answer></answer>."}]
        for q, a in self.shots:
            chat += [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
        chat += [{"role": "user", "content": question}]
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


async def aload(kind: type[BaseLLM], folder: Path) -> BaseLLM:
    present = set(await asyncio.to_thread(os.listdir, folder)) if folder.is_dir() else set()
    if not present & {"adapter_model.safetensors", "adapter_model.bin"}:
        raise FileNotFoundError(f"no adapter in {folder}")
    llm = await asyncio.to_thread(kind)
    llm.model = (await asyncio.to_thread(PeftModel.from_pretrained, llm.model, str(folder))).to(llm.device).eval()
    return llm


def load_sft():
    return run(aload(SFTModel, HERE / "sft_output"))


def load_rft():
    return run(aload(RFTModel, HERE / "rft_output"))


def load_cot():
    return CoTModel()
