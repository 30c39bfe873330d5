import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from homework.llm import Dataset, benchmark
from homework.runtime import runtime


def training_options():
    """Small adapters want fp32 weights underneath."""
    if runtime.full_precision_training:
        return {"dtype": torch.float32}
    return {}


class LoraRun:
    rank = 8
    lr = 6e-4
    epochs = 5
    model_class = None

    def examples(self):
        raise NotImplementedError

    def __init__(self, output_dir):
        self.output_dir = output_dir
        self.llm = self.model_class(**training_options())
        self.llm.model = get_peft_model(
            self.llm.model, LoraConfig(r=self.rank, lora_alpha=4 * self.rank, target_modules="all-linear", task_type="CAUSAL_LM")
        )

    def collate(self, rows):
        ids, labels = [], []
        for question, answer in rows:
            q = self.llm.tokenizer(question)["input_ids"]
            a = self.llm.tokenizer(answer)["input_ids"] + [self.llm.tokenizer.eos_token_id]
            ids.append(torch.tensor(q + a))
            labels.append(torch.tensor([-100] * len(q) + a))
        mask = pad_sequence([torch.ones_like(i) for i in ids], batch_first=True)
        return pad_sequence(ids, batch_first=True), mask, pad_sequence(labels, batch_first=True, padding_value=-100)

    def run(self):
        model = self.llm.model.train()
        weights = [w for w in model.parameters() if w.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=self.lr, weight_decay=0.0)
        loader = DataLoader(self.examples(), batch_size=32, shuffle=True, collate_fn=self.collate)
        for epoch in range(self.epochs):
            for step, batch in enumerate(loader):
                ids, mask, labels = (t.to(runtime.device) for t in batch)
                with runtime.autocast:
                    loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                optimizer.step()
                if step % 10 == 0:
                    print(f"{epoch}:{step} {loss.item():.4f}")
        model.save_pretrained(self.output_dir)


def with_adapter(model_class, folder):
    llm = model_class()
    llm.model = PeftModel.from_pretrained(llm.model, folder, is_trainable=False).eval()
    return llm


def show(llm):
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"accuracy {result.accuracy}  answer rate {result.answer_rate}")
