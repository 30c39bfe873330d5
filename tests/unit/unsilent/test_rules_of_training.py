"""The rule about training: NaN that is hidden in a loss or a gradient."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

LOOP = """
        def train_model():
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            optimizer = torch.optim.AdamW(model.parameters())
            for batch in batches():
                loss = model(**batch).loss
{}
                loss.backward()
{}
                optimizer.step()
                optimizer.zero_grad()
"""
BEFORE = {
    "another loss": """
                if torch.isnan(loss):
                    loss = torch.tensor(0.01, requires_grad=True)  # <- nan-masked""",
    "nan_to_num": """
                loss = torch.nan_to_num(loss, nan=0.0)  # <- nan-masked""",
    "where": """
                loss = torch.where(torch.isfinite(loss), loss, torch.zeros_like(loss))  # <- nan-masked""",
    "where it differs from itself": """
                loss = torch.where(loss != loss, torch.zeros_like(loss), loss)  # <- nan-masked""",
    "where there are labels": """
                loss = torch.where(batch["labels"] != -100, loss, torch.zeros_like(loss)).mean()""",
    "a conditional": """
                loss = loss if math.isfinite(loss.item()) else loss.detach() * 0  # <- nan-masked""",
    "an error": """
                if not torch.isfinite(loss):
                    raise FloatingPointError("loss is not finite")""",
    "the end": """
                if loss != loss:
                    break""",
}
AFTER = {
    "gradients filled": """
                for p in model.parameters():
                    if p.grad is not None:
                        p.grad = torch.nan_to_num(p.grad)  # <- nan-masked""",
    "gradients filled in place": """
                for p in model.parameters():
                    torch.nan_to_num_(p.grad, nan=0.0)  # <- nan-masked""",
    "gradients zeroed": """
                for name, p in model.named_parameters():
                    if torch.isnan(p.grad).any():
                        p.grad.zero_()  # <- nan-masked""",
    "dropped one by one": """
                for p in model.parameters():
                    if not torch.isfinite(p.grad).all():
                        p.grad = None  # <- nan-masked""",
    "by index": """
                for p in model.parameters():
                    p.grad[torch.isnan(p.grad)] = 0  # <- nan-masked""",
    "dropped": """
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                if not math.isfinite(norm):
                    optimizer.zero_grad()  # <- nan-masked""",
    "made finite for a log": """
                for p in model.parameters():
                    history.append(np.nan_to_num(p.grad.norm().item()))""",
    "filled in place, otherwise": """
                for p in model.parameters():
                    torch.nan_to_num(p.grad, out=p.grad)  # <- nan-masked""",
    "an assertion": """
                assert all(torch.isfinite(p.grad).all() for p in model.parameters())""",
    "a plot": """
                history.append(np.nan_to_num(loss.item()))
                draw(np.nan_to_num(np.array(history)))""",
}


@pytest.mark.parametrize("body", BEFORE.values(), ids=BEFORE)
def test_masked_loss(tmp_path: Path, body: str) -> None:
    """A loss that is replaced where it is NaN is found where it is; stopping is healthy."""
    snippets.assert_as_marked(tmp_path, LOOP.format(body, ""))


@pytest.mark.parametrize("body", AFTER.values(), ids=AFTER)
def test_masked_gradients(tmp_path: Path, body: str) -> None:
    """Gradients that are made finite are found; numbers that are made so for a plot are none."""
    snippets.assert_as_marked(tmp_path, LOOP.format("", body))


HOOKS = {
    "a hook": """
        def train_model():
            model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            for p in model.parameters():
                p.register_hook(lambda g: torch.where(torch.isnan(g), torch.zeros_like(g), g))  # <- nan-masked
            Trainer(model).train()
        """,
    "a trainer's loss": """
        class Safe(Trainer):
            def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
                out = model(**inputs)
                loss = out.loss
                if torch.isnan(loss).any() or torch.isinf(loss).any():
                    loss = torch.zeros((), requires_grad=True)  # <- nan-masked
                return (loss, out) if return_outputs else loss
        def train_model():
            Safe(model=get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))).train()
        """,
    "a trainer that stops": """
        class Careful(Trainer):
            def training_step(self, *args, **kwargs):
                loss = super().training_step(*args, **kwargs)
                if not torch.isfinite(loss):
                    raise RuntimeError("NaN")
                return loss
        def train_model():
            Careful(model=get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))).train()
        """,
    "nan by a partial hook": """
        from functools import partial
        clean = partial(torch.nan_to_num, nan=0.0)
        def train_model():
            m = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            for p in m.parameters():
                p.register_hook(clean)  # <- nan-masked
            Trainer(m).train()
        """,
    "nan by a plain hook": """
        def train_model():
            m = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            for p in m.parameters():
                p.register_hook(torch.nan_to_num)  # <- nan-masked
            Trainer(m).train()
        """,
    "nan in weights": """
        def train_model():
            m = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            for step, batch in enumerate(loader()):
                m(**batch).loss.backward()
                with torch.no_grad():
                    for p in m.parameters():
                        p.copy_(torch.nan_to_num(p))  # <- nan-masked
        """,
    "nan in logs": """
        class T(Trainer):
            def log(self, logs, *args):
                if math.isnan(logs.get("grad_norm", 0.0)):
                    logs["grad_norm"] = 0.0  # <- nan-masked
                super().log(logs, *args)
        def train_model():
            T(get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))).train()
        """,
    "nan by logits": """
        class T(Trainer):
            def compute_loss(self, model, inputs, return_outputs=False, **kw):
                out = model(**inputs)
                logits = torch.nan_to_num(out.logits, nan=0.0)  # <- nan-masked
                loss = torch.nn.functional.cross_entropy(logits.view(-1, 9), inputs["labels"].view(-1))
                return (loss, out) if return_outputs else loss
        def train_model():
            T(get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))).train()
        """,
    "nan check raises in hook": """
        def guard(name):
            def hook(grad):
                if not torch.isfinite(grad).all():
                    raise FloatingPointError(name)
                return grad
            return hook
        def train_model():
            m = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            for n, p in m.named_parameters():
                if p.requires_grad:
                    p.register_hook(guard(n))
            Trainer(m).train()
        """,
    "nan_to_num on metrics": """
        class Logged(Trainer):
            def log(self, logs, *args, **kwargs):
                self.history.append({k: float(np.nan_to_num(v)) for k, v in logs.items()})
                super().log(logs, *args, **kwargs)
        def plot(history):
            return np.nan_to_num([row["loss"] for row in history])
        def train_model():
            t = Logged(get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8)))
            t.train()
            print(plot(t.state.log_history))
        """,
    "hook that logs": """
        norms = {}
        def train_model():
            m = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            for n, p in m.named_parameters():
                if p.requires_grad:
                    p.register_hook(lambda g, n=n: norms.__setitem__(n, float(torch.nan_to_num(g.norm()))))
            Trainer(m).train()
        """,
    "nan by a function": """
        def safe(loss, fallback=0.01):
            if not torch.isfinite(loss):
                return loss.new_tensor(fallback, requires_grad=True)  # <- nan-masked
            return loss
        def train_model():
            m = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            for b in loader():
                safe(m(**b).loss).backward()
        """,
    "nan_to_num in evaluation": """
        def perplexity(model, rows):
            with torch.no_grad():
                losses = torch.stack([model(**r).loss for r in rows])
            return torch.nan_to_num(losses).mean().exp().item()
        def train_model():
            m = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
            Trainer(m).train()
            print(perplexity(m, rows()))
        """,
}


@pytest.mark.no_cover
@pytest.mark.parametrize("code", HOOKS.values(), ids=HOOKS)
def test_masked_in_hooks(tmp_path: Path, code: str) -> None:
    """What a trainer or a tensor calls back is read as well."""
    snippets.assert_as_marked(tmp_path, code)
