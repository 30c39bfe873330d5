from .base_llm import BaseLLM
from .data import Dataset, benchmark

SHOTS = [
    ("What is 4 km in m?", "1 km = 1000 m. 4 * 1000 = <answer>4000</answer>"),
    ("How many week is 14 day?", "1 week = 7 day. 14 / 7 = <answer>2</answer>"),
    ("Express 2 MB as a quantity of bit.", "1 MB = 8000000 bit. 2 * 8000000 = <answer>16000000</answer>"),
]


class CoTModel(BaseLLM):
    max_tokens_per_call = 90

    def format_prompt(self, question):
        messages = [{"role": "system", "content": "Convert units step by step, short. End with <answer>value</answer>."}]
        for q, a in SHOTS:
            messages.append({"role": "user", "content": q})
            messages.append({"role": "assistant", "content": a})
        messages.append({"role": "user", "content": question})
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load():
    return CoTModel()


def test_model():
    r = benchmark(load(), Dataset("valid"), 100)
    print(r.accuracy, r.answer_rate)


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
