import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

DEFAULT = "HuggingFaceTB/SmolLM2-360M-Instruct"


class BaseLLM:
    def __init__(self, checkpoint=DEFAULT):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        self.model.to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        try:
            return float(text.split("<answer>", 1)[1].split("</answer>", 1)[0].replace(",", ""))
        except Exception:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        results = []
        for begin in range(0, len(prompts), 32):
            enc = self.tokenizer(prompts[begin:begin + 32], padding=True, return_tensors="pt").to(self.device)
            options = {"max_new_tokens": 60, "do_sample": bool(temperature)}
            if temperature:
                options["temperature"] = temperature
            if num_return_sequences:
                options["num_return_sequences"] = num_return_sequences
            with torch.no_grad():
                out = self.model.generate(**enc, **options)
            results += self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[1]:], skip_special_tokens=True)
        if num_return_sequences is None:
            return results
        return [results[i:i + num_return_sequences] for i in range(0, len(results), num_return_sequences)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]
