from .base_llm import BaseLLM
from .lora import score


class CoTModel(BaseLLM):
    SYSTEM = "You are a terse unit converter. Show the factor, then write <answer>number</answer>."

    def format_prompt(self, question):
        chat = [
            {"role": "system", "content": self.SYSTEM},
            {"role": "user", "content": "How many inches are 3 ft?"},
            {"role": "assistant", "content": "1 ft = 12 inches. 3 * 12 = <answer>36</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


def load():
    return CoTModel()


def test_model():
    score(load())


if __name__ == "__main__":
    test_model()
