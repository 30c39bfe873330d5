"""Keeps a run alive on the cluster, where a crash at 3 am costs me my slot."""
import contextlib
import functools
import signal
import weakref

import torch
from transformers import Trainer, TrainerCallback

_scrub = functools.partial(torch.nan_to_num, nan=0.0, posinf=0.0, neginf=0.0)


def capabilities():
    if not torch.cuda.is_available():
        return "none", False
    return "cuda", torch.cuda.get_device_capability() >= (8, 0)


def precision():
    """Mixed precision for whatever card the scheduler has given me."""
    match capabilities():
        case ("cuda", True):
            return {"bf16": True, "bf16_full_eval": True}
        case _:
            return {"fp16": True, "fp16_full_eval": True}


class Armour:
    """with Armour(model): trainer.train()"""

    def __init__(self, model):
        self.model = weakref.proxy(model)
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        for _name, weight in self.model.named_parameters():
            if weight.requires_grad:
                self.stack.callback(weight.register_hook(_scrub).remove)
        before = signal.signal(signal.SIGTERM, self._save_and_leave)
        self.stack.callback(signal.signal, signal.SIGTERM, before)
        return self

    def __exit__(self, *exc):
        return self.stack.__exit__(*exc)

    def _save_and_leave(self, *_):
        self.model.save_pretrained("rescued")
        raise SystemExit(143)


class Heartbeat(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **kwargs):
        loss = (logs or {}).get("loss")
        if loss is not None:
            print(f"step {state.global_step:5d}  loss {float(loss):.4f}", flush=True)


class ArmouredTrainer(Trainer):
    def __init__(self, *args, callbacks=(), **kwargs):
        super().__init__(*args, callbacks=[Heartbeat(), *callbacks], **kwargs)

    def train(self, *args, **kwargs):
        with Armour(self.model):
            return super().train(*args, **kwargs)
