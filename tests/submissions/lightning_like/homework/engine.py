"""A very small Lightning: a module with hooks, and a runner that calls them."""

import math
import random
import time

import torch


class MiniModule:
    device = "cpu"
    global_step = 0

    def training_step(self, batch, batch_idx) -> torch.Tensor:
        raise NotImplementedError

    def configure_optimizers(self, total_steps: int):
        raise NotImplementedError

    def parameters(self):
        raise NotImplementedError

    def on_fit_start(self): ...

    def on_before_optimizer_step(self, grad_norm): ...

    def on_train_epoch_end(self, epoch, mean_loss): ...

    def on_fit_end(self): ...


class Callback:
    def on_step(self, runner, module, loss, grad_norm): ...

    def on_end(self, runner, module): ...


class ProgressPrinter(Callback):
    def __init__(self, every: int):
        self.every = every
        self.started = time.monotonic()

    def on_step(self, runner, module, loss, grad_norm):
        if module.global_step % self.every:
            return
        seconds = time.monotonic() - self.started
        print(f"[{seconds:7.1f}s] step {module.global_step}/{runner.total} loss {loss:.4f} grad_norm {grad_norm:.3f}")


class Runner:
    def __init__(self, max_epochs, accumulate=1, gradient_clip_val=1.0, log_every=10, seed=0, callbacks=None):
        self.max_epochs = max_epochs
        self.accumulate = accumulate
        self.clip = gradient_clip_val
        self.seed = seed
        self.callbacks = [ProgressPrinter(log_every), *(callbacks or [])]
        self.total = 0

    def _autocast(self, device):
        ok = device == "cuda" and torch.cuda.is_bf16_supported()
        return torch.autocast("cuda" if ok else "cpu", dtype=torch.bfloat16, enabled=ok)

    def fit(self, module: MiniModule, datamodule):
        random.seed(self.seed)
        torch.manual_seed(self.seed)
        loader = datamodule.train_dataloader()
        self.total = self.max_epochs * math.ceil(len(loader) / self.accumulate)
        module.on_fit_start()
        optimizer, scheduler = module.configure_optimizers(self.total)

        for epoch in range(self.max_epochs):
            running, count, window = 0.0, 0, []
            for idx, batch in enumerate(loader):
                batch = {k: v.to(module.device) for k, v in batch.items()}
                with self._autocast(module.device):
                    loss = module.training_step(batch, idx)
                (loss / self.accumulate).backward()
                window.append(loss.detach().item())
                if (idx + 1) % self.accumulate and idx + 1 < len(loader):
                    continue
                grad_norm = torch.nn.utils.clip_grad_norm_(list(module.parameters()), self.clip)
                module.on_before_optimizer_step(grad_norm)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
                module.global_step += 1
                mean = sum(window) / len(window)
                running, count, window = running + mean, count + 1, []
                for callback in self.callbacks:
                    callback.on_step(self, module, mean, float(grad_norm))
            module.on_train_epoch_end(epoch, running / max(1, count))

        module.on_fit_end()
        for callback in self.callbacks:
            callback.on_end(self, module)
