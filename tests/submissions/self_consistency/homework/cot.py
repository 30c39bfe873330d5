import sys

from .base_llm import BaseLLM

FACTS = """You convert units. Facts you may use:
1 km = 1000 m, 1 m = 100 cm, 1 ft = 0.3048 m, 1 in = 2.54 cm, 1 yd = 0.9144 m, 1 mi = 1609.344 m
1 min = 60 s, 1 h = 60 min, 1 day = 24 h, 1 week = 7 days, 1 year = 365.2422 days
1 kg = 1000 g, 1 pound = 453.592 g, 1 ton = 1000 kg
1 L = 1000 mL, 1 gallon = 3.78541 L, 1 B = 8 bit, 1 kB = 1000 B, 1 MB = 1000 kB, 1 GB = 1000 MB
Write the rule, the product, and the result as <answer>number</answer>."""

WORKED = [
    ("How many seconds are in 3 h?", "1 h = 60 min = 3600 s. 3 * 3600 = <answer>10800</answer>"),
    ("What is the conversion from ft to m for 7 units?", "1 ft = 0.3048 m. 7 * 0.3048 = <answer>2.1336</answer>"),
    ("Express 4 GB as a quantity of MB.", "1 GB = 1000 MB. 4 * 1000 = <answer>4000</answer>"),
]


class CoTModel(BaseLLM):
    max_new_tokens = 70
    votes = 5
    retry_temperatures = (0.8, 1.1)

    def format_prompt(self, question):
        messages = [{"role": "system", "content": FACTS}]
        for user, assistant in WORKED:
            messages.append({"role": "user", "content": user})
            messages.append({"role": "assistant", "content": assistant})
        messages.append({"role": "user", "content": question.strip()})
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def load():
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    result = benchmark(load(), Dataset("valid"), 100)
    print(f"accuracy {result.accuracy:.2f}  answer rate {result.answer_rate:.2f}")


if __name__ == "__main__":
    {"test": test_model, "load": load}[sys.argv[1]]()
