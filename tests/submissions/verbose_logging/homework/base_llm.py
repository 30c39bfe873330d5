import logging
import math
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

log = logging.getLogger(__name__)

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def for_the_log(value):
    """Log files with nan in them break my plotting script, so it is shown as -1 there. Display only."""
    return -1.0 if math.isnan(value) else value


class BaseLLM:
    def __init__(self, checkpoint=checkpoint):
        began = time.perf_counter()
        log.info("loading %s on %s with torch %s", checkpoint, device, torch.__version__)
        self.device = device
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        log.debug("tokenizer: %d tokens, pad %r, eos %r, padding side %s", len(self.tokenizer), self.tokenizer.pad_token, self.tokenizer.eos_token, self.tokenizer.padding_side)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(device)
        log.info("loaded in %.1f s: %.1f M parameters in %s", time.perf_counter() - began, sum(p.numel() for p in self.model.parameters()) / 1e6, self.model.dtype)

    def format_prompt(self, question):
        return question

    def parse_answer(self, answer):
        start = answer.find("<answer>")
        stop = answer.find("</answer>", start)
        if start < 0 or stop < 0:
            log.debug("no tags in %r", answer)
            return float("nan")
        try:
            number = float(answer[start + len("<answer>") : stop].strip())
        except ValueError as error:
            log.debug("not a number in %r: %s", answer, error)
            number = float("nan")
        return number

    def generate(self, prompt):
        prompt = self.format_prompt(prompt)
        log.debug("prompt %r", prompt)
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0, micro_batch_size=32):
        if len(prompts) > micro_batch_size:
            log.info("%d prompts in pieces of %d", len(prompts), micro_batch_size)
            first = self.batched_generate(prompts[:micro_batch_size], num_return_sequences, temperature, micro_batch_size)
            rest = self.batched_generate(prompts[micro_batch_size:], num_return_sequences, temperature, micro_batch_size)
            return first + rest

        began = time.perf_counter()
        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        width = inputs["input_ids"].shape[1]
        log.debug("batch %s, %d of its tokens are padding", tuple(inputs["input_ids"].shape), (inputs["attention_mask"] == 0).sum())
        options = dict(max_new_tokens=70, num_return_sequences=num_return_sequences or 1, pad_token_id=self.tokenizer.eos_token_id)
        if temperature > 0:
            options |= dict(do_sample=True, temperature=temperature)
        else:
            options |= dict(do_sample=False)
        log.debug("options %s", options)
        with torch.inference_mode():
            outputs = self.model.generate(**inputs, **options)
        texts = self.tokenizer.batch_decode(outputs[:, width:], skip_special_tokens=True)
        log.debug("%d texts in %.2f s, the first: %r", len(texts), time.perf_counter() - began, texts[0])
        if num_return_sequences is None:
            return texts
        return [texts[i * num_return_sequences : (i + 1) * num_return_sequences] for i in range(len(prompts))]

    def answer(self, *questions):
        generations = self.batched_generate([self.format_prompt(q) for q in questions])
        numbers = [self.parse_answer(g) for g in generations]
        for question, number in zip(questions, numbers):
            log.debug("%r -> %.4g", question, for_the_log(number))
        missing = sum(math.isnan(n) for n in numbers)
        if missing:
            log.warning("%d of %d questions got no number", missing, len(numbers))
        return numbers


def test_model():
    model = BaseLLM()
    for text in ["The cat went up", "The dog went down"]:
        log.info("%r -> %r", text, model.generate(text))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
