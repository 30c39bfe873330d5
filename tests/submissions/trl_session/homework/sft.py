from .adapters import SFT_DIR, Session, lora, put_on
from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .trl_run import run


class SFTModel(BaseLLM):
    room = 20

    def format_prompt(self, question):
        return f"{question.strip()} <answer>"

    def parse_answer(self, text):
        return super().parse_answer("<answer>" + text)


def format_example(prompt, answer):
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(float(answer), 3):.10g}</answer>"}


def load():
    llm = SFTModel()
    llm.model = put_on(llm.model, SFT_DIR).to(llm.device).eval()
    return llm


def train_model(output_dir=SFT_DIR, **kwargs):
    llm = SFTModel()
    pairs = [tuple(format_example(q, a).values()) for q, a in Dataset("train")]
    run(llm, pairs, output_dir, peft_config=lora(8), **kwargs)
    test_model(output_dir)


def test_model(ckpt_path=SFT_DIR):
    with Session(SFTModel, ckpt_path) as llm:
        llm.model.eval()
        result = benchmark(llm, Dataset("valid"), 100)
        print(f"sft: accuracy {result.accuracy:.2f} answer rate {result.answer_rate:.2f}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
