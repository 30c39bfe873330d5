"""Composition root: the only place that knows concrete classes."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from . import precision, profiles
from .contracts import AdapterStore, Fitter, PromptStyle, Purpose, Recipe
from .encoding import EncodedRows
from .infra.peft_store import PeftStore
from .infra.trainer_fitter import TrainerFitter
from .llm import BaseLLM
from .questions import DATA, Dataset, benchmark, is_answer_valid
from .styles import DirectValue, Reasoned

HERE = Path(__file__).resolve().parent


@dataclass
class Stage:
    name: str
    style: PromptStyle
    recipe: Recipe
    store: AdapterStore
    fitter: Fitter

    @property
    def home(self) -> Path:
        return HERE / f"{self.name}_output"

    def rows(self):
        if self.name == "rft":
            return json.loads((DATA / "rft.json").read_text())
        return Dataset("train")

    def train(self, output_dir: str | None = None) -> None:
        out = Path(output_dir).resolve() if output_dir else self.home
        llm = BaseLLM(style=self.style)
        model = self.store.fresh(llm.model, self.recipe.lora)
        data = self.rows()
        rows = EncodedRows(llm.tokenizer, [data[i] for i in range(len(data))], self.style)
        self.fitter.fit(model, rows, self.recipe, out)

    def load(self, where: str | None = None) -> BaseLLM:
        llm = BaseLLM(style=self.style)
        llm.model = self.store.attach(llm.model, Path(where) if where else self.home, Purpose.SERVE).eval()
        return llm

    def test(self, ckpt_path: str | None = None) -> None:
        result = benchmark(self.load(ckpt_path), Dataset("valid"), 100)
        print(f"{self.name}: accuracy {result.accuracy:.2f}, answer rate {result.answer_rate:.2f}")


class ChatStyle(Reasoned):
    SHOTS = (
        ("How many gram are there per 6 kg?", "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"),
        ("Express 3 week as a quantity of day.", "1 week = 7 day. 3 * 7 = <answer>21</answer>"),
    )

    def __init__(self) -> None:
        self.template = None

    def prompt(self, question: str) -> str:
        turns = [{"role": "system", "content": "Convert the unit. Be concise. Write the value in <answer> tags."}]
        for asked, said in self.SHOTS:
            turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        turns.append({"role": "user", "content": question})
        return self.template(turns, add_generation_prompt=True, tokenize=False)


def build(name: str) -> Stage:
    profile = profiles.current()
    styles = {"sft": DirectValue, "rft": Reasoned}
    return Stage(
        name=name,
        style=styles[name](),
        recipe=getattr(profile, name),
        store=PeftStore(),
        fitter=TrainerFitter(precision.resolve(profile.precision)),
    )


def load_sft() -> BaseLLM:
    return build("sft").load()


def load_rft() -> BaseLLM:
    return build("rft").load()


def load_cot() -> BaseLLM:
    style = ChatStyle()
    llm = BaseLLM(style=style)
    style.template = llm.tokenizer.apply_chat_template
    return llm


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6) -> int:
    llm, train = load_cot(), Dataset("train")
    questions = [train[i] for i in range(len(train))]
    drawn = llm.batched_generate([llm.format_prompt(q) for q, _ in questions], oversample, temperature)
    kept = []
    for (question, correct), texts in zip(questions, drawn, strict=True):
        good = next((t for t in texts if is_answer_valid(llm.parse_answer(t), correct)), None)
        if good is not None:
            kept.append([question, correct, good.strip()])
    if not kept:
        raise RuntimeError("rejection sampling kept no row")
    Path(output_json).write_text(json.dumps(kept, indent=1))
    return len(kept)


def main(argv: list[str]) -> int:
    match argv:
        case ["datagen", output]:
            print(generate_dataset(output))
        case [("sft" | "rft") as name, ("train" | "test" | "load") as verb, *rest]:
            getattr(build(name), verb)(*rest)
        case _:
            print("usage: stages (sft|rft) (train|test|load) [dir] | datagen out.json")
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
