import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"

device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


class BaseLLM:
    def __init__(self, checkpoint=checkpoint):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(device)
        self.device = device

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, answer: str) -> float:
        try:
            return float(answer.split("<answer>")[1].split("</answer>")[0])
        except (IndexError, ValueError):
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(
        self, prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0
    ) -> list[str] | list[list[str]]:
        micro_batch_size = 32
        if len(prompts) > micro_batch_size:
            return [
                r
                for idx in tqdm(range(0, len(prompts), micro_batch_size), desc="LLM running")
                for r in self.batched_generate(prompts[idx : idx + micro_batch_size], num_return_sequences, temperature)
            ]

        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        sample = dict(do_sample=True, temperature=temperature) if temperature > 0 else dict(do_sample=False)
        outputs = self.model.generate(
            **inputs,
            **sample,
            max_new_tokens=60,
            num_return_sequences=num_return_sequences or 1,
            pad_token_id=self.tokenizer.eos_token_id,
        )
        texts = self.tokenizer.batch_decode(outputs[:, inputs["input_ids"].size(1) :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + num_return_sequences] for i in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        with torch.no_grad():
            generations = self.batched_generate(prompts)
        return [self.parse_answer(g) for g in generations]


def test_model():
    model = BaseLLM()
    for t in ["The cat went up", "The dog went down"]:
        print("input", t)
        print("output", model.generate(t))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
