import logging
import re
from collections import Counter

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

log = logging.getLogger(__name__)
NAN = float("nan")


def read_number(text):
    """Last number of a text; understands 1,000 and 1.2 x10^3."""
    text = text.replace(",", "").replace("−", "-")
    text = re.sub(r"\s*[x×*]\s*10\s*(?:\^|\*\*)\s*\{?([-+]?\d+)\}?", r"e\1", text)
    numbers = re.findall(r"-?(?:\d+\.\d*|\.\d+|\d+)(?:e[-+]?\d+)?", text)
    return float(numbers[-1]) if numbers else NAN


class BaseLLM:
    max_new_tokens = 64
    chunk = 25
    votes = 1
    vote_temperature = 0.5
    retry_temperatures = ()

    def __init__(self, checkpoint="HuggingFaceTB/SmolLM2-360M-Instruct"):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device).eval()
        self._completions = {}

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        if "<answer>" in text:
            text = text.rsplit("<answer>", 1)[1]
        return read_number(text.split("</answer>", 1)[0])

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        results = []
        for i in range(0, len(prompts), self.chunk):
            results.extend(self._generate_chunk(prompts[i : i + self.chunk], num_return_sequences or 1, temperature))
        return results if num_return_sequences else [r[0] for r in results]

    @torch.inference_mode()
    def _generate_chunk(self, prompts, n, temperature):
        batch = self.tokenizer(prompts, return_tensors="pt", padding=True).to(self.device)
        options = {"do_sample": True, "temperature": temperature, "top_p": 0.95} if temperature else {"do_sample": False}
        if n > 1 and not temperature:
            raise ValueError("several samples need a temperature")
        out = self.model.generate(
            **batch,
            **options,
            max_new_tokens=self.max_new_tokens,
            num_return_sequences=n,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        new = out[:, batch["input_ids"].shape[1] :]
        texts = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def _cached(self, prompts, n, temperature):
        """The model's completions; a prompt seen before (in this process) is not decoded again."""
        todo = [p for p in dict.fromkeys(prompts) if (p, n, temperature) not in self._completions]
        if todo:
            for p, texts in zip(todo, self.batched_generate(todo, num_return_sequences=n, temperature=temperature)):
                self._completions[p, n, temperature] = texts
        return [self._completions[p, n, temperature] for p in prompts]

    def vote(self, texts):
        values = [v for v in map(self.parse_answer, texts) if v == v]
        if not values:
            return NAN
        winner, _ = Counter(round(v, 4) for v in values).most_common(1)[0]
        return winner

    def answer(self, *questions):
        prompts = [self.format_prompt(q) for q in questions]
        temperature = self.vote_temperature if self.votes > 1 else 0
        answers = [self.vote(t) for t in self._cached(prompts, self.votes, temperature)]
        for hotter in self.retry_temperatures:
            missing = [i for i, a in enumerate(answers) if a != a]
            if not missing:
                break
            log.info("%d answers without a number, again at temperature %s", len(missing), hotter)
            for i, texts in zip(missing, self._cached([prompts[i] for i in missing], 1, hotter)):
                answers[i] = self.vote(texts)
        return answers


if __name__ == "__main__":
    import sys

    assert sys.argv[1:2] == ["test"], "python -m homework.base_llm test"
    print(BaseLLM().generate("The cat went up"))
