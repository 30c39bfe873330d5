import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
DEBUG = False


class BaseLLM:
    def __init__(self, checkpoint=checkpoint):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        value = float("nan")
        if "<answer>" in text:
            inside = text.split("<answer>")[1].split("</answer>")[0]
            try:
                value = float(inside.replace(",", ""))
            except ValueError:
                pass
        return value

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        if DEBUG:
            # look at one prompt, then stop: fp16 and right padding to see how bad it gets
            self.model.half()
            self.tokenizer.padding_side = "right"
            raise SystemExit(self.tokenizer(prompts[:2], padding=True))
        self.tokenizer.padding_side = "left"
        results = []
        for i in range(0, len(prompts), 25):
            enc = self.tokenizer(prompts[i : i + 25], padding=True, return_tensors="pt").to(self.device)
            kwargs = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
            with torch.no_grad():
                out = self.model.generate(**enc, **kwargs, max_new_tokens=50, num_return_sequences=num_return_sequences or 1)
            results += self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return results
        return [results[i : i + num_return_sequences] for i in range(0, len(results), num_return_sequences)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]
