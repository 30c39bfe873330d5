from .base_llm import BaseLLM

SYSTEM = "You are good at converting units. One short line, the result between <answer> and </answer>."
EXAMPLE = ("How many ft are 3 yd?", "1 yd = 3 ft. 3 * 3 = <answer>9</answer>")


class CoTModel(BaseLLM):
    max_new_tokens = 85

    def format_prompt(self, question: str) -> str:
        turns = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": EXAMPLE[0]},
            {"role": "assistant", "content": EXAMPLE[1]},
            {"role": "user", "content": question.strip()},
        ]
        return self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .sft import show

    show(load())


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
