import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

class BaseLLM:
    def __init__(self, checkpoint="HuggingFaceTB/SmolLM2-360M-Instruct"):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.bfloat16)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model.to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        head, tag, tail = text.partition("</answer>")
        value = head.split("<answer>")[-1]
        try:
            return float(value)
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        inputs = self.tokenizer([prompt], return_tensors="pt").to(self.device)
        y = self.model.generate(**inputs, max_new_tokens=50, do_sample=False)
        return self.tokenizer.decode(y[0][inputs["input_ids"].shape[1]:], skip_special_tokens=True)

    @torch.no_grad()
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        self.tokenizer.padding_side = "left"
        N = num_return_sequences or 1
        # sort by length: less padding, then put back
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        out = [None] * len(prompts)
        while order:
            now, order = order[:32], order[32:]
            x = self.tokenizer([prompts[i] for i in now], padding=True, return_tensors="pt").to(self.device)
            opts = dict(do_sample=True, temperature=temperature) if temperature > 0 else dict(do_sample=False)
            y = self.model.generate(**x, max_new_tokens=50, num_return_sequences=N, **opts)
            t = self.tokenizer.batch_decode(y[:, x["input_ids"].shape[1]:], skip_special_tokens=True)
            for j, i in enumerate(now):
                out[i] = t[j] if num_return_sequences is None else t[j * N:(j + 1) * N]
        return out

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]
