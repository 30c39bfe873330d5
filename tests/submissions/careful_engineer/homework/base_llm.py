import math
import re

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
BASE_DTYPE = torch.float32  # for training and for inference alike; see manifest.py
MICRO_BATCH = 32

_TAGGED = re.compile(r"<answer>\s*([^<]*?)\s*</answer>")


def default_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def load_checkpoint(name: str, dtype: torch.dtype = BASE_DTYPE):
    try:
        model = AutoModelForCausalLM.from_pretrained(name, dtype=dtype)
    except TypeError:
        # older transformers hands the unknown argument on to the model's __init__
        model = AutoModelForCausalLM.from_pretrained(name).to(dtype)
    found = next(model.parameters()).dtype
    if found != dtype:
        raise RuntimeError(f"asked for {dtype}, the weights are {found}")
    return model


class BaseLLM:
    max_new_tokens = 96

    def __init__(self, checkpoint: str = CHECKPOINT):
        self.checkpoint = checkpoint
        self.device = default_device()
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = load_checkpoint(checkpoint).to(self.device)

    def format_prompt(self, question: str) -> str:
        return question.strip()

    def parse_answer(self, text: str) -> float:
        """The last tagged number; NaN when there is none, never a stand-in."""
        tagged = _TAGGED.findall(text)
        if not tagged:
            return math.nan
        try:
            value = float(tagged[-1].replace(",", "").replace(" ", ""))
        except ValueError:
            return math.nan
        return value if math.isfinite(value) else math.nan

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        if temperature < 0:
            raise ValueError(f"temperature {temperature} is negative")
        if num_return_sequences is not None and num_return_sequences > 1 and temperature == 0:
            raise ValueError("greedy decoding gives one sequence only, set a temperature")
        if not isinstance(prompts, (list, tuple)):
            raise TypeError("prompts is a list of strings")

        if len(prompts) > MICRO_BATCH:
            halves = range(0, len(prompts), MICRO_BATCH)
            return [
                text
                for start in tqdm(halves, desc=f"micro batches of {MICRO_BATCH}")
                for text in self.batched_generate(
                    prompts[start : start + MICRO_BATCH], num_return_sequences, temperature
                )
            ]

        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(list(prompts), padding=True, return_tensors="pt").to(self.device)
        count = num_return_sequences or 1
        options = dict(max_new_tokens=self.max_new_tokens, num_return_sequences=count)
        if temperature > 0:
            options.update(do_sample=True, temperature=temperature)
        else:
            options.update(do_sample=False)
        self.model.eval()
        with torch.inference_mode():
            output = self.model.generate(**inputs, **options, pad_token_id=self.tokenizer.pad_token_id)
        texts = self.tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        if len(texts) != len(prompts) * count:
            raise RuntimeError(f"{len(texts)} texts for {len(prompts)} prompts")
        if num_return_sequences is None:
            return texts
        return [texts[i : i + count] for i in range(0, len(texts), count)]

    def answer(self, *questions: str) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(text) for text in self.batched_generate(prompts)]


def test_model():
    llm = BaseLLM()
    prompts = ["The cat went up", "The dog went down the very long stairs"]
    alone = [llm.generate(p) for p in prompts]
    together = llm.batched_generate(prompts)
    print(alone, "same in a batch:", alone == together)


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
