import sys

from .adapters import run, score
from .base_llm import BaseLLM

SYSTEM = "Answer with one short calculation. Write the final number as <answer>number</answer>."
SHOTS = (
    ("How many yards are 27 feet?", "1 yard = 3 feet. 27 / 3 = <answer>9</answer>"),
    ("Please convert 11 litres into millilitres.", "1 litre = 1000 ml. 11 * 1000 = <answer>11000</answer>"),
)


def messages(question: str) -> list[dict[str, str]]:
    shots = [
        {"role": role, "content": text} for pair in SHOTS for role, text in zip(("user", "assistant"), pair)
    ]
    return [{"role": "system", "content": SYSTEM}, *shots, {"role": "user", "content": question.strip()}]


class CoTModel(BaseLLM):
    def __init__(self, checkpoint: str | None = None):
        super().__init__(*filter(None, [checkpoint]), max_new_tokens=96)

    def format_prompt(self, question: str) -> str:
        return self.tokenizer.apply_chat_template(messages(question), add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    return score(load())


if __name__ == "__main__":
    run(sys.argv[1:], test=test_model, load=load)
