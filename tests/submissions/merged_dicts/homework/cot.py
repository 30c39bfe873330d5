from .model import BaseLLM
from .train import report


class CoTModel(BaseLLM):
    examples = {
        "Convert 5 kg to g.": "1 kg = 1000 g, so 5 * 1000 = <answer>5000</answer>",
        "How many feet are 2 yd?": "1 yd = 3 feet, so 2 * 3 = <answer>6</answer>",
    }

    def format_prompt(self, question):
        messages = [{"role": "system", "content": "Convert units, be brief, answer within <answer></answer>."}]
        for q, a in self.examples.items():
            messages += {"role": "user", "content": q}, {"role": "assistant", "content": a}
        messages += ({"role": "user", "content": question},)
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def load():
    return CoTModel()


def test_model():
    report(load())


if __name__ == "__main__":
    import fire

    fire.Fire({"test": test_model, "load": load})
