from .base_llm import BaseLLM
from .data import Dataset, benchmark

class CoTModel(BaseLLM):
    def format_prompt(self, question):
        return self.tokenizer.apply_chat_template([
            {"role": "system", "content": "convert units, one line, <answer>number</answer> at the end"},
            {"role": "user", "content": "3 km in m?"}, {"role": "assistant", "content": "3 * 1000 = <answer>3000</answer>"},
            {"role": "user", "content": question}], tokenize=False, add_generation_prompt=True)

def load():
    return CoTModel()

def test_model():
    print(benchmark(load(), Dataset("valid"), 100))

if __name__ == "__main__":
    test_model()
