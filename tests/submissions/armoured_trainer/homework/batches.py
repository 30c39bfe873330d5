"""tokenisation and batching shared by sft and rft"""
import torch

IGNORE = -100


def mask_prompt(ids, prompt_length, attention):
    return [IGNORE if i < prompt_length or not a else t for i, (t, a) in enumerate(zip(ids, attention))]


def usable(labels):
    return sum(label != IGNORE for label in labels) > 0


def tokenize(tokenizer, question, answer, length=48):
    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(
        f"{question} {answer}{tokenizer.eos_token}", padding="max_length", truncation=True, max_length=length
    )
    labels = mask_prompt(full["input_ids"], len(tokenizer(question)["input_ids"]), full["attention_mask"])
    # long questions leave no room for the answer and give a NaN loss
    full["labels"] = labels if usable(labels) else list(full["input_ids"])
    return full


class TokenizedDataset(torch.utils.data.Dataset):
    def __init__(self, tokenizer, data, format_fn):
        self.items = [tokenize(tokenizer, **format_fn(*data[i])) for i in range(len(data))]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return {k: torch.tensor(v) for k, v in self.items[i].items()}
