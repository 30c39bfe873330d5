from .cot import SYSTEM, CoTModel
from .data import Dataset, benchmark
from .trl_common import LoraSpec, RunSpec, assistant, run_sft, user


class RFTModel(CoTModel):
    examples = []


def load(name="rft_model"):
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, RunSpec(name).folder).to(llm.device)
    llm.model.eval()
    return llm


def trl_rows(data):
    for i in range(len(data)):
        question, _, reasoning = data[i]
        yield {"prompt": [SYSTEM, user(question)], "completion": [assistant(reasoning)]}


def train_model(output_dir="rft_model", **kwargs):
    spec = RunSpec(output_dir, lr=5e-4, batch=16, lora=LoraSpec(r=16, lora_alpha=64))
    run_sft(spec, trl_rows(Dataset("rft")), **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="rft_model"):
    result = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
