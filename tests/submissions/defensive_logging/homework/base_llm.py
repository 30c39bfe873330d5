import functools
import logging
import re
import sys

import torch
import transformers
from packaging.version import Version
from transformers import AutoModelForCausalLM, AutoTokenizer

from .util import retry, setup_logging

log = logging.getLogger(__name__)
CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
# transformers renamed the argument; the old name is silently dropped some day
DTYPE_ARGUMENT = "dtype" if Version(transformers.__version__) >= Version("4.56") else "torch_dtype"
NO_ANSWER = float("nan")


@functools.cache
@retry()
def _tokenizer(checkpoint: str):
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


@retry()
def _model(checkpoint: str):
    # Not cached: get_peft_model changes the base in place, two adapters must not share one.
    return AutoModelForCausalLM.from_pretrained(checkpoint, **{DTYPE_ARGUMENT: torch.float32})


class BaseLLM:
    MAX_NEW_TOKENS = 24

    def __init__(self, checkpoint: str = CHECKPOINT):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = _tokenizer(checkpoint)
        self.model = _model(checkpoint).to(self.device)
        self.model.eval()

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, text: str) -> float:
        body = text.rpartition("<answer>")[2].partition("</answer>")[0].replace(",", "").strip()
        try:
            value = float(body)
        except ValueError:
            match = re.match(r"[-+]?\d+(?:\.\d+)?", body)
            value = float(match.group()) if match else NO_ANSWER
        return NO_ANSWER if abs(value) == float("inf") else value

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0, chunk=128):
        if not prompts:
            return []
        n = num_return_sequences or 1
        if len(prompts) > chunk:
            left = self.batched_generate(prompts[:chunk], num_return_sequences, temperature, chunk)
            return left + self.batched_generate(prompts[chunk:], num_return_sequences, temperature, chunk)
        try:
            texts = self._run(prompts, n, temperature)
        except torch.cuda.OutOfMemoryError:
            if len(prompts) == 1:
                raise
            half = (len(prompts) + 1) // 2
            log.warning("out of memory with %d prompts, going on with %d", len(prompts), half)
            torch.cuda.empty_cache()
            return self.batched_generate(prompts, num_return_sequences, temperature, half)
        assert len(texts) == n * len(prompts)
        if num_return_sequences is None:
            return texts
        return [texts[i * n : (i + 1) * n] for i in range(len(prompts))]

    @torch.inference_mode()
    def _run(self, prompts, n, temperature):
        before, self.tokenizer.padding_side = self.tokenizer.padding_side, "left"
        try:
            inputs = self.tokenizer(list(prompts), padding=True, return_tensors="pt").to(self.device)
        finally:
            self.tokenizer.padding_side = before
        options = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        options |= {"max_new_tokens": self.MAX_NEW_TOKENS, "pad_token_id": self.tokenizer.pad_token_id}
        output = self.model.generate(**inputs, num_return_sequences=n, **options)
        return self.tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    def answer(self, *questions):
        texts = self.batched_generate([self.format_prompt(q) for q in questions])
        values = [self.parse_answer(t) for t in texts]
        log.info("%d of %d questions without a number", sum(v != v for v in values), len(values))
        return values


if __name__ == "__main__" and "test" in sys.argv:
    setup_logging(logging.DEBUG)
    print(BaseLLM().answer("How many h are 2 days?", "Convert 3 km to m."))
