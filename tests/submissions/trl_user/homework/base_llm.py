import torch
from tqdm import trange
from transformers import AutoModelForCausalLM

from .trl_common import CHECKPOINT, make_tokenizer

device = "cuda" if torch.cuda.is_available() else "cpu"


class BaseLLM:
    max_new_tokens = 64
    chunk = 32

    def __init__(self, checkpoint=CHECKPOINT):
        self.device = device
        self.tokenizer = make_tokenizer(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint).to(device)

    def format_prompt(self, question):
        return question.strip()

    def parse_answer(self, answer):
        try:
            return float(answer.split("<answer>")[1].split("</answer>")[0])
        except (IndexError, ValueError):
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def generation_kwargs(self, n, temperature):
        kwargs = {
            "max_new_tokens": self.max_new_tokens,
            "num_return_sequences": n,
            "pad_token_id": self.tokenizer.pad_token_id,
            "eos_token_id": self.tokenizer.eos_token_id,
            "do_sample": temperature > 0,
        }
        if temperature > 0:
            kwargs["temperature"] = temperature
        return kwargs

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = num_return_sequences or 1
        texts = []
        for i in trange(0, len(prompts), self.chunk, disable=len(prompts) <= self.chunk):
            batch = self.tokenizer(prompts[i : i + self.chunk], padding=True, return_tensors="pt").to(self.device)
            with torch.inference_mode():
                out = self.model.generate(**batch, **self.generation_kwargs(n, temperature))
            texts.extend(self.tokenizer.batch_decode(out[:, batch.input_ids.shape[1] :], skip_special_tokens=True))
        if num_return_sequences is None:
            return texts
        return [texts[k : k + n] for k in range(0, len(texts), n)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]


def test_model():
    llm = BaseLLM()
    for text in ("The cat went up", "The dog went down"):
        print(text, "->", llm.generate(text))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
