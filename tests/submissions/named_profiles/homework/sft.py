from .base_llm import BaseLLM
from .core.config import SFT, Job
from .data import Dataset, benchmark


def load_job(job: Job) -> BaseLLM:
    from peft import PeftModel

    if not (job.path / "adapter_config.json").exists():
        raise FileNotFoundError(f"{job.path} holds no adapter; train it with `python -m homework.{job.name} train`")
    llm = BaseLLM(job=job)
    llm.model = PeftModel.from_pretrained(llm.model, job.path).to(llm.device).eval()
    return llm


def load() -> BaseLLM:
    return load_job(SFT)


def tokenize(tokenizer, question: str, answer: str) -> dict:
    prompt = tokenizer(question)["input_ids"]
    target = tokenizer(answer + tokenizer.eos_token)["input_ids"]
    return {
        "input_ids": prompt + target,
        "attention_mask": [1] * (len(prompt) + len(target)),
        "labels": [-100] * len(prompt) + target,
    }


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": BaseLLM.format_prompt(_Prompted, prompt), "answer": f"{round(answer, 3)}</answer>"}


class _Prompted:
    """Enough of a BaseLLM for format_prompt, so that the prompt is written down once."""

    job = SFT


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.rows = [tokenize(tokenizer, **format_fn(*row)) for row in data]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def train_model(output_dir: str = "", profile: str = "default", **kwargs):
    from .core.training import train

    if output_dir and output_dir != SFT.folder:
        print(f"note: adapters always go to {SFT.path}")
    llm = BaseLLM(job=SFT)
    train(SFT, llm, TokenizedDataset(llm.tokenizer, list(Dataset("train")), format_example), profile)
    test_model()


def test_model(ckpt_path: str | None = None):
    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
