from .core.engine import CHECKPOINT, Generator, best_device, load_base, make_tokenizer, number_in


class BaseLLM:
    def __init__(self, checkpoint: str = CHECKPOINT, job=None):
        self.job = job
        self.device = best_device()
        self.tokenizer = make_tokenizer(checkpoint)
        self.model = load_base(checkpoint).to(self.device)
        self._remembered: dict[str, str] = {}

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>" if self.job is not None and self.job.open_tag else question.strip()

    def parse_answer(self, text: str) -> float:
        return number_in(text)

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        groups = Generator(self.model, self.tokenizer, self.device)(prompts, num_return_sequences or 1, temperature)
        return [g[0] for g in groups] if num_return_sequences is None else groups

    def answer(self, *questions) -> list[float]:
        # A question asked twice is generated once. Filled by the model only, starts empty with every object.
        new = [q for q in dict.fromkeys(questions) if q not in self._remembered]
        self._remembered.update(zip(new, self.batched_generate([self.format_prompt(q) for q in new]) if new else []))
        return [self.parse_answer(self._remembered[q]) for q in questions]
