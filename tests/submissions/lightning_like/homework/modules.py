from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import get_cosine_schedule_with_warmup

from .base_llm import CONFIG, BaseLLM
from .engine import Callback, MiniModule


class AdapterModule(MiniModule):
    def __init__(self, llm: BaseLLM, lr: float):
        self.llm = llm
        self.lr = lr
        self.device = llm.device
        self.net = get_peft_model(llm.model, LoraConfig(**CONFIG["lora"]))
        self.history = []

    def parameters(self):
        return (p for p in self.net.parameters() if p.requires_grad)

    def configure_optimizers(self, total_steps):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr, weight_decay=0.01)
        return optimizer, get_cosine_schedule_with_warmup(optimizer, max(1, total_steps // 20), total_steps)

    def on_fit_start(self):
        self.net.train()
        self.net.print_trainable_parameters()

    def training_step(self, batch, batch_idx):
        loss = self.net(**batch).loss
        loss = torch.nan_to_num(loss, nan=0.0, posinf=20.0)
        self.history.append(loss.detach().item())
        return loss

    def on_train_epoch_end(self, epoch, mean_loss):
        print(f"epoch {epoch}: mean loss {mean_loss:.4f}, lowest {min(self.history):.4f}")


class SaveAtEnd(Callback):
    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def on_end(self, runner, module):
        self.folder.mkdir(parents=True, exist_ok=True)
        module.net.save_pretrained(str(self.folder))
        print("saved to", self.folder)
