import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from .prompts import plain_prompt, read_answer

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
MICRO_BATCH = 32


def pick_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


class BaseLLM:
    max_new_tokens = 80

    def __init__(self, checkpoint: str | None = None):
        checkpoint = checkpoint or CHECKPOINT
        self.device = pick_device()
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint).to(self.device)

    def format_prompt(self, question: str) -> str:
        return plain_prompt(question)

    def parse_answer(self, text: str) -> float:
        return read_answer(text)

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    @torch.inference_mode()
    def _generate_one_batch(self, prompts, num_return_sequences, temperature):
        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        out = self.model.generate(
            **inputs,
            **sampling,
            max_new_tokens=self.max_new_tokens,
            num_return_sequences=num_return_sequences or 1,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        return self.tokenizer.batch_decode(out[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        """A list of texts, or a list of lists when `num_return_sequences` is given."""
        if not prompts:
            return []
        # keep rows x samples near MICRO_BATCH rows
        step = max(1, MICRO_BATCH // (num_return_sequences or 1))
        texts = []
        starts = range(0, len(prompts), step)
        for start in tqdm(starts, desc="generating", disable=len(starts) == 1):
            texts += self._generate_one_batch(prompts[start : start + step], num_return_sequences, temperature)
        if num_return_sequences is None:
            return texts
        n = num_return_sequences
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions) -> list[float]:
        texts = self.batched_generate([self.format_prompt(q) for q in questions])
        return [self.parse_answer(t) for t in texts]


def test():
    llm = BaseLLM()
    for prompt in ("The cat went up", "The dog went down"):
        print(repr(prompt), "->", repr(llm.generate(prompt)))
    print(llm.batched_generate(["The cat went up", "The dog went down"]))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test})
