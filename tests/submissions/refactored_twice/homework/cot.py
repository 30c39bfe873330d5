from .base_llm import BaseLLM
from .data import evaluate

SYSTEM = (
    "You are a careful assistant for unit conversion. Name the factor, do the multiplication, "
    "and give the result as <answer>number</answer>. No other text."
)
SHOTS = [
    ("How many cm are there in 7 m?", "1 m = 100 cm. 7 * 100 = <answer>700</answer>"),
    ("What is 2 days in hours?", "1 day = 24 hours. 2 * 24 = <answer>48</answer>"),
    ("Convert 4 kB to bit.", "1 kB = 8000 bit. 4 * 8000 = <answer>32000</answer>"),
]


class CoTModel(BaseLLM):
    max_new_tokens = 120

    def format_prompt(self, question: str) -> str:
        chat = [{"role": "system", "content": SYSTEM}]
        for asked, answered in SHOTS:
            chat += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        chat.append({"role": "user", "content": question.strip()})
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    print(evaluate(load()))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
