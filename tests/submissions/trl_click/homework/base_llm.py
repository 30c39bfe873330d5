import re

import click
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL_ID = "HuggingFaceTB/SmolLM2-360M-Instruct"
NUMERAL = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?")
NAN = float("nan")


class BaseLLM:
    max_new_tokens = 20
    rows_at_once = 200

    def __init__(self, checkpoint=MODEL_ID):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        self.model.to(self.device)
        self.model.eval()

    def format_prompt(self, question):
        return question.strip() + " <answer>"

    def parse_answer(self, text):
        if "<answer>" in text:
            text = text.split("<answer>")[-1]
        match = NUMERAL.search(text.split("</answer>")[0])
        if not match:
            return NAN
        return float(match.group().replace(",", ""))

    def generate(self, prompt):
        (text,) = self.batched_generate([self.format_prompt(prompt)])
        return text

    @torch.no_grad()
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = 1 if num_return_sequences is None else num_return_sequences
        at_once = max(1, self.rows_at_once // n)
        # Sorted by length there is less padding; the order is restored at the end.
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        results = [None] * len(prompts)
        for start in range(0, len(order), at_once):
            chosen = order[start : start + at_once]
            batch = self.tokenizer([prompts[i] for i in chosen], return_tensors="pt", padding=True, padding_side="left")
            batch = batch.to(self.device)
            output = self.model.generate(
                **batch,
                do_sample=temperature > 0,
                temperature=temperature if temperature > 0 else None,
                top_p=None,
                top_k=None,
                num_return_sequences=n,
                max_new_tokens=self.max_new_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
            )
            texts = self.tokenizer.batch_decode(output[:, batch.input_ids.shape[1] :], skip_special_tokens=True)
            for k, i in enumerate(chosen):
                results[i] = texts[k * n : (k + 1) * n]
        if num_return_sequences is None:
            return [r[0] for r in results]
        return results

    def answer(self, *questions):
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(t) for t in self.batched_generate(prompts)]


@click.group()
def cli():
    pass


@cli.command("test")
def test_model():
    llm = BaseLLM()
    for q in ("How many mm are there in 2 m?", "Express 5 h as a quantity of min."):
        click.echo(f"{q!r} -> {llm.generate(q)!r}")


if __name__ == "__main__":
    cli()
