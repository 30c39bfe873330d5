from .base_llm import BaseLLM, command_line

INSTRUCTION = """Convert the quantity. One short line, then <answer>number</answer>.
1 km = 1000 m; 1 mi = 1609.344 m; 1 in = 25.4 mm; 1 week = 168 h; 1 decade = 10 years; 1 century = 100 years
1 pound = 453.592 g; 1 gallon = 4 quart = 8 pint = 3.785412 L; 1 m^3 = 1000 L; 1 MB = 1000 kB; 1 B = 8 bit"""


class CoTModel(BaseLLM):
    max_new_tokens = 80

    def format_prompt(self, question):
        chat = [
            {"role": "system", "content": INSTRUCTION},
            {"role": "user", "content": "How many years are 3 decades?"},
            {"role": "assistant", "content": "1 decade = 10 years. 3 * 10 = <answer>30</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


def load():
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    result = benchmark(load(), Dataset("valid"), 100)
    print("accuracy", result.accuracy, "answer rate", result.answer_rate)


if __name__ == "__main__":
    command_line(test=test_model, load=load)
