import argparse
import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .settings import CHECKPOINT

TAGGED = re.compile(r"(?:^|<answer>)([^<]*)</answer>")


class BaseLLM:
    max_new_tokens = 64
    retries = (0.6, 0.9)

    def __init__(self, checkpoint=CHECKPOINT, device=None):
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        hits = TAGGED.findall(text)
        if not hits:
            return float("nan")
        numbers = re.findall(r"-?\d+(?:\.\d+)?", hits[-1].replace(",", ""))
        return float(numbers[-1]) if numbers else float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    @torch.inference_mode()
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0, micro_batch=32):
        groups = []
        for start in range(0, len(prompts), micro_batch):
            batch = self.tokenizer(prompts[start : start + micro_batch], padding=True, return_tensors="pt")
            batch = batch.to(self.device)
            n = num_return_sequences or 1
            ids = self.model.generate(
                **batch,
                do_sample=temperature > 0,
                temperature=temperature if temperature > 0 else None,
                max_new_tokens=self.max_new_tokens,
                num_return_sequences=n,
                pad_token_id=self.tokenizer.pad_token_id,
            )
            texts = self.tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
            groups += [texts[i : i + n] for i in range(0, len(texts), n)]
        return groups if num_return_sequences else [g[0] for g in groups]

    def answer(self, *questions):
        prompts = [self.format_prompt(q) for q in questions]
        values = [self.parse_answer(t) for t in self.batched_generate(prompts)]
        for temperature in self.retries:
            open_ = [i for i, v in enumerate(values) if v != v]
            if not open_:
                break
            for i, text in zip(open_, self.batched_generate([prompts[i] for i in open_], temperature=temperature)):
                values[i] = self.parse_answer(text)
        return values


def command_line(**commands):
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=list(commands))
    parser.add_argument("--output_dir", "--output-dir", "--ckpt_path", "--ckpt-path", dest="folder")
    args = parser.parse_args()
    commands[args.command](*([args.folder] if args.folder else []))


if __name__ == "__main__":
    command_line(test=lambda: print(BaseLLM().generate("The cat went up")))
