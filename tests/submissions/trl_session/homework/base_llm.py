import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"


class BaseLLM:
    room = 60

    def __init__(self, checkpoint=CHECKPOINT):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        head, sep, tail = text.partition("<answer>")
        if not sep:
            return float("nan")
        try:
            return float(tail.partition("</answer>")[0])
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = num_return_sequences if num_return_sequences else 1
        self.tokenizer.padding_side = "left"
        texts = []
        step = max(1, 48 // n)
        for i in range(0, len(prompts), step):
            enc = self.tokenizer(prompts[i : i + step], padding=True, return_tensors="pt").to(self.device)
            with torch.inference_mode():
                out = self.model.generate(
                    **enc,
                    max_new_tokens=self.room,
                    num_return_sequences=n,
                    pad_token_id=self.tokenizer.pad_token_id,
                    **({"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}),
                )
            texts += self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[1] :], skip_special_tokens=True)
        return texts if num_return_sequences is None else [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]
