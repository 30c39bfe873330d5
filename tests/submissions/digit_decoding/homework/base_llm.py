import os

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessorList

from .decoding import last_number

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
# set HW_COMPILE=1 for long evaluations; the first batch is slow then
USE_COMPILE = os.environ.get("HW_COMPILE", "0") == "1"


class BaseLLM:
    max_new_tokens = 64
    processors = ()

    def __init__(self, checkpoint=CHECKPOINT):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def for_inference(self):
        self.model.eval()
        if USE_COMPILE:
            self.model.compile()
        return self

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        before, closing, _ = text.partition("</answer>")
        if not closing and "<answer>" not in before:
            return float("nan")
        return last_number(before.rpartition("<answer>")[2])

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        texts, size, n = [], 32, num_return_sequences or 1
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))  # similar lengths together
        for start in range(0, len(order), size):
            texts += self._decode([prompts[i] for i in order[start : start + size]], n, temperature)
        result = [None] * len(prompts)
        for where, group in zip(order, texts):
            result[where] = group
        return result if num_return_sequences else [group[0] for group in result]

    @torch.inference_mode()
    def _decode(self, prompts, n, temperature):
        batch = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        ids = self.model.generate(
            **batch,
            **sampling,
            max_new_tokens=self.max_new_tokens,
            num_return_sequences=n,
            logits_processor=LogitsProcessorList(self.processors),
            pad_token_id=self.tokenizer.pad_token_id,
        )
        texts = self.tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]


if __name__ == "__main__":
    from fire import Fire

    def test():
        llm = BaseLLM().for_inference()
        print(llm.batched_generate(["The cat went up", "The dog went down"]))

    Fire({"test": test})
