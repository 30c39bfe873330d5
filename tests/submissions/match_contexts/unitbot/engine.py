import logging
import re
from contextlib import contextmanager, nullcontext

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

log = logging.getLogger(__name__)
CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
NUMBER = r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


@contextmanager
def padding(tokenizer, side):
    """Borrow the tokenizer with another padding side and give it back as it was."""
    before = tokenizer.padding_side
    tokenizer.padding_side = side
    try:
        yield tokenizer
    finally:
        tokenizer.padding_side = before


@contextmanager
def evaluating(model):
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield model
    finally:
        model.train(was_training)


class BaseLLM:
    opening = ""          # what format_prompt puts before the generation and parse_answer must see again

    def __init__(self, checkpoint=CHECKPOINT, *, dtype=torch.float32, remember=True):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        # SmolLM2 pads on the right out of the box
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype).to(self.device)
        self._said = {} if remember else None

    # ------------------------------------------------------------------ prompts and parsing
    def format_prompt(self, question):
        return question.strip() + self.opening

    def parse_answer(self, text):
        match re.findall(rf"<answer>\s*({NUMBER})\s*</answer>", self.opening + text):
            case []:
                return float("nan")
            case [*_, last]:
                try:
                    return float(last.replace(",", ""))
                except ValueError:
                    return float("nan")

    # ------------------------------------------------------------------ generation
    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        """Greedy generations are remembered: the same prompt gives the same text, so why ask twice.

        Only what the model itself has said in this process goes into the memory.
        """
        greedy = temperature == 0 and num_return_sequences is None
        if not greedy or self._said is None:
            return self._split(prompts, num_return_sequences, temperature)
        if todo := [p for p in dict.fromkeys(prompts) if p not in self._said]:
            # longest first: an out-of-memory shows in the first chunk
            todo.sort(key=len, reverse=True)
            self._said.update(zip(todo, self._split(todo, None, 0)))
        return [self._said[p] for p in prompts]

    def _split(self, prompts, n, temperature, size=64):
        """Chunks of `size`; when the card is too small, the same chunk again with half the size."""
        out = []
        for start in range(0, len(prompts), size):
            chunk = prompts[start:start + size]
            try:
                out += self._run(chunk, n, temperature)
            except torch.cuda.OutOfMemoryError:
                if size == 1:
                    raise
                torch.cuda.empty_cache()
                log.warning("out of memory with %d prompts, going on with %d", size, size // 2)
                out += self._split(chunk, n, temperature, size=size // 2)
        return out

    def _run(self, prompts, n, temperature):
        with evaluating(self.model) as model:
            enc = self.tokenizer(list(prompts), padding=True, return_tensors="pt").to(self.device)
            match temperature:
                case t if t > 0:
                    how = dict(do_sample=True, temperature=float(t))
                case _:
                    how = dict(do_sample=False)
            ids = model.generate(
                **enc, **how, max_new_tokens=72, num_return_sequences=n or 1,
                eos_token_id=self.tokenizer.eos_token_id, pad_token_id=self.tokenizer.eos_token_id,
            )[:, enc.input_ids.size(1):]
            flat = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return flat if n is None else [flat[k:k + n] for k in range(0, len(flat), n)]

    def answer(self, *questions):
        return [self.parse_answer(g) for g in self.batched_generate([self.format_prompt(q) for q in questions])]


def amp(enabled):
    """fp16 autocast with a real loss scaler; otherwise neither of the two."""
    if not enabled:
        return nullcontext(), torch.amp.GradScaler(enabled=False)
    return torch.autocast("cuda", dtype=torch.float16), torch.amp.GradScaler("cuda")
