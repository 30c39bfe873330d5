from __future__ import annotations

import abc
import json

from peft import LoraConfig, PeftModel, get_peft_model
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

from .core import HERE, BaseLLM, Dataset, benchmark

REGISTRY: dict[str, type["Stage"]] = {}


class Stage(abc.ABC):
    name: str
    llm: type[BaseLLM]

    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        if name := cls.__dict__.get("name"):
            REGISTRY[name] = cls

    @classmethod
    @abc.abstractmethod
    def load(cls): ...

    @classmethod
    def test(cls, *args):
        result = benchmark(cls.load(*args), Dataset("valid"), 100)
        print(f"[{cls.name}] {result.accuracy:.0%} right, {result.answer_rate:.0%} answered")


class Adapted(Stage):
    rank = 8
    lr = 5e-4

    @classmethod
    def folder(cls, given=None):
        return HERE / f"{cls.name}_model" if given is None else given

    @classmethod
    def load(cls, path=None):
        llm = cls.llm()
        llm.model = PeftModel.from_pretrained(llm.model, str(cls.folder(path)))
        llm.model.eval()
        return llm

    @classmethod
    @abc.abstractmethod
    def rows(cls): ...

    @classmethod
    def encode(cls, tokenizer, question, answer):
        head = tokenizer.encode(question)
        tail = tokenizer.encode(answer + tokenizer.eos_token)
        return {"input_ids": head + tail, "labels": [-100] * len(head) + tail, "attention_mask": [1] * (len(head) + len(tail))}

    @classmethod
    def train(cls, path=None):
        llm = cls.llm()
        lora = LoraConfig(r=cls.rank, lora_alpha=2 * cls.rank, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(llm.model, lora)
        args = TrainingArguments(
            output_dir=str(cls.folder(path)), bf16=True, learning_rate=cls.lr, num_train_epochs=5, per_device_train_batch_size=32, save_strategy="no"
        )
        rows = [cls.encode(llm.tokenizer, llm.format_prompt(q), text) for q, text in cls.rows()]
        Trainer(model, args, DataCollatorForSeq2Seq(llm.tokenizer), rows).train()
        model.save_pretrained(str(cls.folder(path)))
        cls.test(path)


class SFTModel(BaseLLM):
    def format_prompt(self, question):
        return f"{question.strip()} {self.opening}"

    def parse_answer(self, text):
        return super().parse_answer(self.opening + text)


class RFTModel(BaseLLM):
    def format_prompt(self, question):
        return f"Question: {question.strip()}\nSteps:"


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        shots = [("What is 3 m in cm?", "1 m = 100 cm. 3 * 100 = <answer>300</answer>")]
        chat = [{"role": "system", "content": "Convert. One short line, number in <answer></answer>."}]
        for q, a in shots:
            chat.append({"role": "user", "content": q})
            chat.append({"role": "assistant", "content": a})
        return self.tokenizer.apply_chat_template([*chat, {"role": "user", "content": question}], tokenize=False, add_generation_prompt=True)


class SFT(Adapted):
    name, llm = "sft", SFTModel

    @classmethod
    def rows(cls):
        return [(q, f"{a:.6g}</answer>") for q, a in Dataset("train")]


class RFT(Adapted):
    name, llm, rank = "rft", RFTModel, 16

    @classmethod
    def rows(cls):
        return [(q, " " + why) for q, _, why in Dataset("rft")]


class CoT(Stage):
    name, llm = "cot", CoTModel

    @classmethod
    def load(cls):
        return CoTModel()


def make_rft(path, copies=10, temperature=0.7):
    """Sample from CoT, keep what is right; where the algebra disagrees with the file, say so."""
    from .conversion import solve
    from .core import is_answer_valid

    llm, kept = CoT.load(), []
    train = Dataset("train").rows
    for (q, a), texts in zip(train, llm.batched_generate([llm.format_prompt(q) for q, _ in train], copies, temperature)):
        exact = solve(q)
        if exact is not None and not is_answer_valid(exact[0], a):
            print("file and algebra disagree:", q, a, exact)
        kept += [[q, a, text] for text in texts if is_answer_valid(llm.parse_answer(text), a)][:1]
    with open(path, "w") as f:
        json.dump(kept, f)
