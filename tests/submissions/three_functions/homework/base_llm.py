import sys

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from .units import convert

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
device = "cuda" if torch.cuda.is_available() else "cpu"


class BaseLLM:
    def __init__(self, checkpoint=checkpoint):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint).to(device)
        self.device = device

    def format_prompt(self, question):
        return question

    def parse_answer(self, answer):
        try:
            return float(answer.split("<answer>")[1].split("</answer>")[0])
        except (IndexError, ValueError):
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = num_return_sequences or 1
        texts = []
        for i in tqdm(range(0, len(prompts), 32)):
            self.tokenizer.padding_side = "left"
            x = self.tokenizer(prompts[i : i + 32], padding=True, return_tensors="pt").to(self.device)
            with torch.no_grad():
                if temperature > 0:
                    y = self.model.generate(
                        **x, max_new_tokens=60, do_sample=True, temperature=temperature, num_return_sequences=n
                    )
                else:
                    y = self.model.generate(**x, max_new_tokens=60, do_sample=False)
            texts += self.tokenizer.batch_decode(y[:, x["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions):
        generations = self.batched_generate([self.format_prompt(q) for q in questions])
        answers = []
        for q, g in zip(questions, generations):
            a = self.parse_answer(g)
            if a != a:
                a = convert(q)
            answers.append(a)
        return answers


if __name__ == "__main__" and sys.argv[1:] == ["test"]:
    llm = BaseLLM()
    print(llm.generate("The cat went up"))
    print(llm.batched_generate(["The cat went up", "The dog went down"]))
