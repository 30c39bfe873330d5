import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from .memory import free_memory, is_oom

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"

device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


class BaseLLM:
    def __init__(self, checkpoint=checkpoint, dtype=torch.float32):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype).to(device)
        self.device = device
        self.micro_batch_size = 32

    def format_prompt(self, question: str) -> str:
        return question.strip()

    def parse_answer(self, answer: str) -> float:
        try:
            return float(answer.split("<answer>")[1].split("</answer>")[0].replace(",", ""))
        except (IndexError, ValueError):
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def _generate(self, prompts, n, temperature):
        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        sampling = dict(do_sample=True, temperature=temperature) if temperature > 0 else dict(do_sample=False)
        with torch.inference_mode():
            out = self.model.generate(
                **inputs,
                **sampling,
                max_new_tokens=96,
                num_return_sequences=n,
                pad_token_id=self.tokenizer.eos_token_id,
            )
        return self.tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = num_return_sequences or 1
        texts = []
        done = 0
        bar = tqdm(total=len(prompts), desc=f"LLM Running on Micro Batches {self.micro_batch_size}")
        while done < len(prompts):
            batch = prompts[done : done + self.micro_batch_size]
            try:
                texts.extend(self._generate(batch, n, temperature))
            except RuntimeError as error:
                if not is_oom(error) or self.micro_batch_size == 1:
                    raise
                free_memory()
                self.micro_batch_size //= 2
                print(f"out of memory, micro batch is now {self.micro_batch_size}")
                continue
            done += len(batch)
            bar.update(len(batch))
        bar.close()

        if num_return_sequences is None:
            return texts
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(g) for g in self.batched_generate(prompts)]


def test_model():
    model = BaseLLM()
    for t in ["The cat went up", "The dog went down"]:
        print("input", t)
        print("output", model.generate(t))
    print(model.batched_generate(["The cat went up", "The dog went down"]))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
