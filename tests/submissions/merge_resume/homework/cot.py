from .base_llm import BaseLLM

SYSTEM = (
    "You convert units. Be brief, show one line of arithmetic and end with <answer>number</answer>. "
    "Useful: 1 km = 1000 m, 1 hour = 3600 s, 1 kg = 1000 g, 1 B = 8 bit, 1 ft = 0.3048 m."
)
SHOTS = [
    ("How many gram are there per 6 kg?", "1 kg = 1000 grams. 6 * 1000 = <answer>6000</answer>"),
    ("Convert 3 ft to m.", "1 ft = 0.3048 m. 3 * 0.3048 = <answer>0.9144</answer>"),
]


class CoTModel(BaseLLM):
    max_new_tokens = 96

    def format_prompt(self, question: str) -> str:
        messages = [{"role": "system", "content": SYSTEM}]
        for q, a in SHOTS:
            messages += [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
        messages.append({"role": "user", "content": question})
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
