from homework.llm import BaseLLM
from homework.lora_training import show


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        return self.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": "Convert units. Short steps, then <answer>number</answer>."},
                {"role": "user", "content": "How many minutes are 2 hours?"},
                {"role": "assistant", "content": "1 hour = 60 minutes; 2 * 60 = <answer>120</answer>"},
                {"role": "user", "content": question},
            ],
            add_generation_prompt=True,
            tokenize=False,
        )


def load():
    return CoTModel(dtype=runtime_dtype())


def runtime_dtype():
    import torch

    return torch.float32


def test_model():
    show(load())


if __name__ == "__main__":
    test_model()
