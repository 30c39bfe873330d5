import logging

from .base_llm import BaseLLM

log = logging.getLogger(__name__)

SYSTEM = "You are good at unit conversion. Be short. Write the result between <answer> and </answer>."


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        text = self.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": "What is the conversion from kg to gram for 6 units?"},
                {"role": "assistant", "content": "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"},
                {"role": "user", "content": question},
            ],
            tokenize=False,
            add_generation_prompt=True,
        )
        log.debug("chat prompt of %d characters", len(text))
        return text


def load():
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    result = benchmark(CoTModel(), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
