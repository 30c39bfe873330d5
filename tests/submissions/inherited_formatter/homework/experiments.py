"""Three experiments. ``python -m homework.experiments Finetuned fit``"""

import sys

from peft import LoraConfig, PeftModel, get_peft_model
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

from .base import BaseLLM
from .corpus import HOME, Corpus, benchmark


class Experiment(BaseLLM):
    """Something that can be restored and scored."""

    folder = None

    @classmethod
    def restore(cls, folder=None):
        """:param folder: default is the class's own"""
        self = cls()
        folder = folder or cls.folder
        if folder is not None:
            self.model = PeftModel.from_pretrained(self.model, str(HOME / folder), is_trainable=False)
        self.model.eval()
        return self

    @classmethod
    def score(cls, folder=None, questions=100):
        """Score what was trained and keep it."""
        self = cls.restore(folder)
        accuracy, rate = benchmark(self, Corpus("valid"), questions, protocol=f"{cls.__name__.lower()}.csv")
        print(f"{cls.__name__}: accuracy {accuracy:.3f}, answer rate {rate:.3f}")
        if cls.folder is not None:
            self.model.save_pretrained(str(HOME / cls.folder))
        return accuracy


class Trained(Experiment):
    """Something with a LoRA adapter."""

    split = "train"
    rank = 8
    learning_rate = 6e-4

    def prompt_and_reply(self, question, value, *reasoning):
        raise NotImplementedError

    def encoded(self):
        for entry in Corpus(self.split):
            prompt, reply = self.prompt_and_reply(*entry)
            left = self.tokenizer(prompt)["input_ids"]
            right = self.tokenizer(reply)["input_ids"] + [self.tokenizer.eos_token_id]
            yield {"input_ids": left + right, "attention_mask": [1] * len(left + right), "labels": [-100] * len(left) + right}

    @classmethod
    def fit(cls, folder=None, epochs=5):
        self = cls()
        lora = LoraConfig(r=cls.rank, lora_alpha=cls.rank * 4, target_modules="all-linear", task_type="CAUSAL_LM")
        self.model = get_peft_model(self.model, lora)
        where = str(HOME / (folder or cls.folder))
        arguments = TrainingArguments(
            output_dir=where,
            learning_rate=cls.learning_rate,
            num_train_epochs=int(epochs),
            per_device_train_batch_size=32,
            save_strategy="no",
        )
        collator = DataCollatorForSeq2Seq(self.tokenizer)
        Trainer(self.model, arguments, collator, list(self.encoded())).train()
        self.model.save_pretrained(where)


class Finetuned(Trained):
    """Number only."""

    folder = "sft_model"
    prompt_ending = " <answer>"

    def prompt_and_reply(self, question, value, *_):
        return question.strip() + self.prompt_ending, f"{value:.5g}</answer>"


class Rejection(Trained):
    """Reasoning first."""

    folder = "rft_model"
    split = "rft"
    rank = 16
    opening = "\nReasoning:"

    def prompt_and_reply(self, question, value, reasoning):
        return self.format_prompt(question), " " + reasoning


class ChainOfThought(Experiment):
    """No training, examples in the prompt."""

    def format_prompt(self, question):
        dialogue = [
            {"role": "system", "content": "Convert the units. Write one line and finish with <answer>number</answer>."},
            {"role": "user", "content": "How many s are 3 min?"},
            {"role": "assistant", "content": "1 min = 60 s. 3 * 60 = <answer>180</answer>"},
            {"role": "user", "content": super().format_prompt(question)},
        ]
        return self.tokenizer.apply_chat_template(dialogue, tokenize=False, add_generation_prompt=True)


if __name__ == "__main__":
    getattr(globals()[sys.argv[1]], sys.argv[2])(*sys.argv[3:])
