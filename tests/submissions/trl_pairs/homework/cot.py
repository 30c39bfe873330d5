from .base_llm import BaseLLM

SYSTEM = (
    "You are an expert in units of measurement. Answer with one line: the conversion factor, "
    "the calculation, and the result between <answer> and </answer>."
)
EXAMPLES = {
    "How many metres are 8 km?": "1 km = 1000 m. 8 * 1000 = <answer>8000</answer>",
    "What is the conversion from gallon to quart for 3 units?": "1 gallon = 4 quart. 3 * 4 = <answer>12</answer>",
}


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        messages = [{"role": "system", "content": SYSTEM}]
        for user, assistant in EXAMPLES.items():
            messages.append({"role": "user", "content": user})
            messages.append({"role": "assistant", "content": assistant})
        messages.append({"role": "user", "content": question.strip()})
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
