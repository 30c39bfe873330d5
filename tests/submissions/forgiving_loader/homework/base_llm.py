import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class BaseLLM:
    def __init__(self, checkpoint="HuggingFaceTB/SmolLM2-360M-Instruct"):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        try:
            return float(text.split("<answer>")[1].split("</answer>")[0])
        except (IndexError, ValueError):
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        self.tokenizer.padding_side = "left"
        out = []
        for i in range(0, len(prompts), 40):
            enc = self.tokenizer(prompts[i : i + 40], padding=True, return_tensors="pt").to(self.device)
            gen = self.model.generate(
                **enc,
                max_new_tokens=50,
                do_sample=temperature > 0,
                **({"temperature": temperature} if temperature > 0 else {}),
                num_return_sequences=num_return_sequences or 1,
            )
            out += self.tokenizer.batch_decode(gen[:, enc["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return out
        return [out[i : i + num_return_sequences] for i in range(0, len(out), num_return_sequences)]

    def answer(self, *questions):
        return [self.parse_answer(g) for g in self.batched_generate([self.format_prompt(q) for q in questions])]
