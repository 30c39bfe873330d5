import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .deco import in_batches, no_grad_left, retry, warmed

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"


class BaseLLM:
    room = 60

    @retry(2, OSError)
    def __init__(self, checkpoint=CHECKPOINT):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, text: str) -> float:
        _, opening, rest = text.partition("<answer>")
        value, closing, _ = rest.partition("</answer>")
        if not (opening and closing):
            return float("nan")
        try:
            return float(value)
        except ValueError:
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    @in_batches(16)
    @no_grad_left
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        self.tokenizer.padding_side = "left"
        enc = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        many = num_return_sequences or 1
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        out = self.model.generate(
            **enc,
            max_new_tokens=self.room,
            num_return_sequences=many,
            pad_token_id=self.tokenizer.pad_token_id,
            **sampling,
        )
        texts = self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[1] :], skip_special_tokens=True)
        return texts if num_return_sequences is None else [texts[i : i + many] for i in range(0, len(texts), many)]

    @warmed("train", "valid")
    def answer(self, *questions):
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(text) for text in self.batched_generate(prompts)]
