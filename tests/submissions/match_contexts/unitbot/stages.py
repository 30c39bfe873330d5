import argparse
import json
import sys
from pathlib import Path

from unitbot import adapters, loop
from unitbot.dataset import Dataset, benchmark, is_answer_valid
from unitbot.engine import BaseLLM


class Direct(BaseLLM):
    opening = " <answer>"

    @staticmethod
    def completion(row):
        return f"{round(row[1], 3):g}</answer>"


class Reasoned(BaseLLM):
    @staticmethod
    def completion(row):
        return " " + row[2].strip()


class CoTModel(BaseLLM):
    EXAMPLES = [
        ("How many seconds are in 4 minutes?", "1 minute is 60 seconds. 4 * 60 = <answer>240</answer>"),
        ("Give me 7 kB in B.", "1 kB is 1000 B. 7 * 1000 = <answer>7000</answer>"),
    ]

    def format_prompt(self, question):
        chat = [dict(role="system", content="Convert the unit. Be short. End with <answer>number</answer>.")]
        for q, a in self.EXAMPLES:
            chat += dict(role="user", content=q), dict(role="assistant", content=a)
        chat += [dict(role="user", content=question)]
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


STAGES = {
    "sft": dict(cls=Direct, split="train", folder="sft_model", rank=4, lr=7e-4),
    "rft": dict(cls=Reasoned, split="rft", folder="rft_model", rank=16, lr=5e-4),
}


def train(stage, output_dir=None, epochs=5, resume=False, fp16=False):
    match STAGES[stage]:
        case {"cls": cls, "split": split, "folder": folder, "rank": rank, "lr": lr}:
            target = Path(output_dir) if output_dir else adapters.HOME / folder
    llm = adapters.for_training(cls(remember=False), target, rank=rank, resume=resume)
    rows = [
        loop.encode(llm.tokenizer, llm.format_prompt(row[0]), llm.completion(row))
        for row in Dataset(split)
    ]
    loop.fit(llm, rows, epochs=epochs, lr=lr, fp16=fp16)
    llm.model.save_pretrained(target)
    test(stage, target)


def load(stage, folder=None):
    entry = STAGES[stage]
    return adapters.for_inference(entry["cls"](), folder or adapters.HOME / entry["folder"])


def test(stage, folder=None):
    llm = CoTModel() if stage == "cot" else load(stage, folder)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{stage} accuracy {result.accuracy} answer rate {result.answer_rate}")


def load_sft():
    return load("sft")


def load_rft():
    return load("rft")


def load_cot():
    return CoTModel()


def datagen(output_json, oversample=10, temperature=0.6):
    llm, rows = CoTModel(remember=False), Dataset("train")
    sampled = llm.batched_generate([llm.format_prompt(q) for q, _ in rows], oversample, temperature)
    kept = [
        (q, gold, hit)
        for (q, gold), texts in zip(rows, sampled)
        if (hit := next((t for t in texts if is_answer_valid(llm.parse_answer(t), gold)), None)) is not None
    ]
    Path(output_json).write_text(json.dumps(kept, indent=1))
    print(f"{len(kept)}/{len(rows)} rows kept")


def main(argv=None):
    top = argparse.ArgumentParser(prog="unitbot.stages")
    sub = top.add_subparsers(dest="command", required=True)
    t = sub.add_parser("train")
    t.add_argument("stage", choices=STAGES)
    t.add_argument("--output_dir", "--output-dir")
    t.add_argument("--epochs", type=int, default=5)
    t.add_argument("--resume", action="store_true")
    t.add_argument("--fp16", action="store_true", help="CUDA only, with a GradScaler; off unless you ask for it")
    e = sub.add_parser("test")
    e.add_argument("stage", choices=[*STAGES, "cot"])
    g = sub.add_parser("datagen")
    g.add_argument("output_json")
    options = vars(top.parse_args(argv))
    match options.pop("command"):
        case "train":
            train(**options)
        case "test":
            test(**options)
        case "datagen":
            datagen(**options)


if __name__ == "__main__":
    main(sys.argv[1:])
