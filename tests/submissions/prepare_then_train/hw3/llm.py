import re
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class LLM:
    def __init__(self, checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct"):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, answer: str) -> float:
        found = re.findall(r"([-\d.e+]+)\s*</answer>", answer)
        if found:
            try:
                return float(found[-1])
            except ValueError:
                pass
        return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        if not prompts:
            return []
        head, rest = prompts[:32], prompts[32:]
        t = self.tokenizer(head, return_tensors="pt", padding=True).to(self.device)
        n = num_return_sequences or 1
        kw = {"temperature": temperature, "do_sample": True} if temperature else {"do_sample": False}
        with torch.no_grad():
            y = self.model.generate(**t, max_new_tokens=50, num_return_sequences=n, **kw)
        s = self.tokenizer.batch_decode(y[:, t.input_ids.shape[1]:], skip_special_tokens=True)
        if num_return_sequences is not None:
            s = [s[i:i + n] for i in range(0, len(s), n)]
        return s + self.batched_generate(rest, num_return_sequences, temperature)

    def answer(self, *questions: str) -> list[float]:
        return [self.parse_answer(x) for x in self.batched_generate([self.format_prompt(q) for q in questions])]
