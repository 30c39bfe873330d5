"""Language model with a small decoding loop of its own (greedy or sampling, KV cache, left padding)."""

import copy
import re
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

CKPT = "HuggingFaceTB/SmolLM2-360M-Instruct"


class BaseLLM:
    max_new_tokens = 60
    batch_size = 50

    def __init__(self, checkpoint=CKPT):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        # training pads on the right, decoding on the left: one tokenizer for each
        self.gen_tokenizer = copy.deepcopy(self.tokenizer)
        self.gen_tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        match = re.search(r"(?:<answer>)?\s*(-?[\d,]*\.?\d+(?:e[+-]?\d+)?)\s*</answer>", text)
        if match is None:
            return float("nan")
        try:
            return float(match.group(1).replace(",", ""))
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        k = num_return_sequences or 1
        flat = [p for p in prompts for _ in range(k)]
        texts = []
        for start in range(0, len(flat), self.batch_size):
            texts += self._decode(flat[start : start + self.batch_size], temperature)
        if num_return_sequences is None:
            return texts
        return [texts[i * k : (i + 1) * k] for i in range(len(prompts))]

    @torch.no_grad()
    def _decode(self, prompts, temperature):
        self.model.eval()
        enc = self.gen_tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        ids, mask = enc["input_ids"], enc["attention_mask"]
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        eos, pad = self.tokenizer.eos_token_id, self.tokenizer.pad_token_id
        done = torch.zeros(len(prompts), dtype=torch.bool, device=self.device)
        cache, new_tokens = None, []
        for _ in range(self.max_new_tokens):
            out = self.model(
                input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
            )
            cache = out.past_key_values
            logits = out.logits[:, -1].float()
            if temperature > 0:
                token = torch.multinomial(torch.softmax(logits / temperature, -1), 1)[:, 0]
            else:
                token = logits.argmax(-1)
            token = torch.where(done, torch.full_like(token, pad), token)
            new_tokens.append(token)
            done |= token == eos
            if done.all():
                break
            ids = token[:, None]
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            positions = positions[:, -1:] + 1
        return self.gen_tokenizer.batch_decode(torch.stack(new_tokens, 1), skip_special_tokens=True)

    def answer(self, *questions):
        outputs = self.batched_generate([self.format_prompt(q) for q in questions])
        return [self.parse_answer(o) for o in outputs]


if __name__ == "__main__":
    if sys.argv[1:] == ["test"]:
        llm = BaseLLM()
        for p in ("The cat went up", "The dog went down"):
            print(p, "|", llm.generate(p))
    else:
        sys.exit("usage: python -m homework.base_llm test")
