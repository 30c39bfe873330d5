import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"


class BaseLLM:
    def __init__(self, checkpoint=CHECKPOINT):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint).to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, answer):
        try:
            return float(answer.split("<answer>")[1].split("</answer>")[0])
        except (IndexError, ValueError):
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        from tqdm import tqdm

        micro_batch_size = 32
        if len(prompts) > micro_batch_size:
            return [
                r
                for idx in tqdm(range(0, len(prompts), micro_batch_size), desc=f"micro batches {micro_batch_size}")
                for r in self.batched_generate(prompts[idx:idx + micro_batch_size], num_return_sequences, temperature)
            ]

        self.tokenizer.padding_side = "left"
        enc = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        kwargs = {"max_new_tokens": 60, "eos_token_id": self.tokenizer.eos_token_id,
                  "pad_token_id": self.tokenizer.eos_token_id}
        if temperature > 0:
            kwargs |= {"do_sample": True, "temperature": temperature}
        else:
            kwargs |= {"do_sample": False}
        if num_return_sequences is not None:
            kwargs["num_return_sequences"] = num_return_sequences
        with torch.no_grad():
            out = self.model.generate(**enc, **kwargs)
        texts = self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[1]:], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        n = num_return_sequences
        return [texts[i * n:i * n + n] for i in range(len(prompts))]

    def answer(self, *questions):
        return [self.parse_answer(g) for g in self.batched_generate([self.format_prompt(q) for q in questions])]
