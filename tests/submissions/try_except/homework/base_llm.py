import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .config import CHECKPOINT, MAX_NEW_TOKENS
from .conversion_utils import plausible, to_float

device = "cuda" if torch.cuda.is_available() else "cpu"


class BaseLLM:
    def __init__(self, checkpoint=CHECKPOINT):
        self.device = device
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
            self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        except OSError as e:
            raise OSError(f"{checkpoint} could not be loaded, is there a network? ({e})") from e
        try:
            self.model.to(device)
        except torch.cuda.OutOfMemoryError:
            self.device = "cpu"
            self.model.to("cpu")

    def format_prompt(self, question):
        try:
            return question.strip()
        except AttributeError:
            return str(question)

    def parse_answer(self, answer):
        try:
            inside = answer.split("<answer>")[1].split("</answer>")[0]
        except IndexError:
            inside = None
        return to_float(inside, 0.0)

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def _generate(self, prompts, n, temperature):
        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        options = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        with torch.no_grad():
            outputs = self.model.generate(
                **inputs,
                **options,
                max_new_tokens=MAX_NEW_TOKENS,
                num_return_sequences=n,
                pad_token_id=self.tokenizer.eos_token_id,
            )
        return self.tokenizer.batch_decode(outputs[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = num_return_sequences or 1
        texts, start, size = [], 0, 32
        while start < len(prompts):
            try:
                texts += self._generate(prompts[start : start + size], n, temperature)
                start += size
            except torch.cuda.OutOfMemoryError:
                if size == 1:
                    raise
                torch.cuda.empty_cache()
                size //= 2
        if num_return_sequences is None:
            return texts
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions):
        try:
            generations = self.batched_generate([self.format_prompt(q) for q in questions])
        except RuntimeError as e:
            print("generation failed, one by one now:", e)
            generations = [self.generate(q) for q in questions]
        values = [self.parse_answer(g) for g in generations]
        return [plausible(q, v) for q, v in zip(questions, values)]


def test_model():
    model = BaseLLM()
    for text in ["The cat went up", "The dog went down"]:
        try:
            print(text, "->", model.generate(text))
        except RuntimeError as e:
            print(text, "failed:", e)


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
