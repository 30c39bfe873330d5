import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
device = "cuda" if torch.cuda.is_available() else "cpu"


class BaseLLM:
    def __init__(self, checkpoint: str = checkpoint, max_new_tokens: int = 64):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(device)
        self.device = device
        self.max_new_tokens = max_new_tokens

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, text: str) -> float:
        """The number in front of </answer>, NaN when there is none."""
        body = text.split("</answer>")[0].split("<answer>")[-1]
        try:
            return float(body.strip().replace(",", ""))
        except ValueError:
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    @torch.no_grad()
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        chunk = 32
        if len(prompts) > chunk:
            return [
                r
                for i in range(0, len(prompts), chunk)
                for r in self.batched_generate(prompts[i : i + chunk], num_return_sequences, temperature)
            ]
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        kwargs = dict(do_sample=True, temperature=temperature) if temperature > 0 else dict(do_sample=False)
        output = self.model.generate(
            **inputs,
            max_new_tokens=self.max_new_tokens,
            num_return_sequences=num_return_sequences or 1,
            pad_token_id=self.tokenizer.pad_token_id,
            **kwargs,
        )
        text = self.tokenizer.batch_decode(output[:, inputs["input_ids"].size(1) :], skip_special_tokens=True)
        if num_return_sequences is None:
            return text
        return [text[i : i + num_return_sequences] for i in range(0, len(text), num_return_sequences)]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(t) for t in self.batched_generate(prompts)]


def test_model():
    llm = BaseLLM()
    print(llm.batched_generate(["The cat went up", "The dog went down"]))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
