from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Trainer, TrainingArguments

from homework.core.examples import Example, TokenizedDataset
from homework.core.llm import BaseLLM
from homework.core.questions import DATA, Dataset, benchmark, is_answer_valid
from homework.core.schema import PACKAGE, RftSettings, RunSettings, SamplingSettings


class SFTModel(BaseLLM):
    max_new_tokens = 20

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, text: str) -> float:
        return super().parse_answer(f"<answer>{text}")


class RFTModel(BaseLLM):
    max_new_tokens = 90

    def format_prompt(self, question: str) -> str:
        return question.strip()


class CoTModel(BaseLLM):
    max_new_tokens = 90

    def format_prompt(self, question: str) -> str:
        if question.startswith("<|im_start|>"):  # a finished chat stays as it is
            return question
        turns = [
            {"role": "system", "content": "Convert units in one short line, value in <answer></answer>."},
            {"role": "user", "content": "How many gram are there per 6 kg?"},
            {"role": "assistant", "content": "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"},
            {"role": "user", "content": question},
        ]
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def sft_examples(llm: BaseLLM) -> Iterable[Example]:
    train = Dataset("train")
    for index in range(len(train)):
        question, answer = train[index]
        yield Example(llm.format_prompt(question), f"{round(answer, 3):.10g}</answer>")


def rft_examples(llm: BaseLLM) -> Iterable[Example]:
    for question, _, reasoning in json.loads((DATA / "rft.json").read_text()):
        yield Example(llm.format_prompt(question), f" {reasoning.strip()}")


def fit(llm: BaseLLM, examples: list[Example], settings: RunSettings) -> None:
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        target_modules="all-linear",
        r=settings.lora.rank,
        lora_alpha=settings.lora.rank * settings.lora.alpha_per_rank,
        lora_dropout=settings.lora.dropout,
        bias="none",
    )
    model = get_peft_model(llm.model, lora)
    arguments = TrainingArguments(
        output_dir=str(settings.output_dir),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        logging_steps=10,
        save_strategy="no",
        report_to="none",
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=TokenizedDataset(llm.tokenizer, examples))
    trainer.train()
    trainer.save_model(str(settings.output_dir))


def attach(llm: BaseLLM, folder: Path) -> BaseLLM:
    weights = [folder / "adapter_model.safetensors", folder / "adapter_model.bin"]
    if not any(path.is_file() for path in weights):
        raise FileNotFoundError(f"no adapter weights in {folder}")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device).eval()
    return llm


def train_sft(argv: list[str]) -> None:
    llm = SFTModel()
    fit(llm, list(sft_examples(llm)), RunSettings.from_cli(argv))


def train_rft(argv: list[str]) -> None:
    llm = RFTModel()
    fit(llm, list(rft_examples(llm)), RftSettings.from_cli(argv))


def load_sft() -> BaseLLM:
    return attach(SFTModel(), PACKAGE / "sft_output")


def load_rft() -> BaseLLM:
    return attach(RFTModel(), PACKAGE / "rft_output")


def load_cot() -> BaseLLM:
    return CoTModel()


def report(llm: BaseLLM) -> None:
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"accuracy {result.accuracy:.2f}, answer rate {result.answer_rate:.2f}")


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6) -> None:
    settings = SamplingSettings(output_json, oversample, temperature)
    llm, train, kept = load_cot(), Dataset("train"), []
    for index in range(len(train)):
        question, correct = train[index]
        prompt = llm.format_prompt(question)
        (texts,) = llm.batched_generate([prompt], settings.oversample, settings.temperature)
        hit = next((t for t in texts if is_answer_valid(llm.parse_answer(t), correct)), None)
        if hit is not None:
            kept.append([question, correct, hit.strip()])
    if not kept:
        raise RuntimeError("rejection sampling kept no row")
    Path(settings.output_json).write_text(json.dumps(kept))
