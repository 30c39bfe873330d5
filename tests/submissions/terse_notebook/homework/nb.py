# exported from hw3.ipynb
# %%
import json, re, os, math, inspect
import torch, transformers
from torch import nn
from peft import LoraConfig, LoraModel, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM as AM, AutoTokenizer as AT
p = os.path
root = p.dirname(p.abspath(__file__))
ck = "HuggingFaceTB/SmolLM2-360M-Instruct"
dev = "cuda" if torch.cuda.is_available() else "cpu"
AMP = os.environ.get("AMP", "")          # AMP=fp16 if you insist (T4), AMP=bf16 on A100, default none
v5 = int(transformers.__version__.split(".")[0]) >= 5

# %% data
class D:
    def __init__(s, split): s.d = json.load(open(p.join(root, "..", "data", f"{split}.json")))
    def __len__(s): return len(s.d)
    def __getitem__(s, i): return s.d[i]

ok = lambda a, c, t=.05: abs(round(a, 3) - round(c, 3)) < t * abs(round(c, 3))

def bench(m, d, n=100):
    x = d.d[:n]; y = m.answer(*[r[0] for r in x])
    return sum(ok(a, r[1]) for a, r in zip(y, x)) / len(x), sum(a == a for a in y) / len(x)

# %% model
def base(c):
    # the keyword was renamed in 5; same dtype either way
    return AM.from_pretrained(c, **{("dtype" if v5 else "torch_dtype"): torch.float32}).to(dev)

class B:
    f = "{}"
    def __init__(s, checkpoint=ck):
        s.device = dev; s.tokenizer = AT.from_pretrained(checkpoint); s.model = base(checkpoint)
        s.tokenizer.pad_token = s.tokenizer.eos_token
    def format_prompt(s, q): return s.f.format(q.strip())
    def parse_answer(s, t):
        m = re.search(r"(-?\d+\.?\d*(?:e[-+]\d+)?)</answer>", t)
        return float(m[1]) if m else math.nan
    def generate(s, x): return s.batched_generate([x])[0]
    def batched_generate(s, xs, num_return_sequences=None, temperature=0):
        k, o = num_return_sequences or 1, []
        s.tokenizer.padding_side, was = "left", s.tokenizer.padding_side
        for i in range(0, len(xs), 32):
            e = s.tokenizer(xs[i:i+32], return_tensors="pt", padding=True).to(dev)
            kw = dict(do_sample=True, temperature=temperature) if temperature else dict(do_sample=False)
            with torch.no_grad(): g = s.model.generate(**e, max_new_tokens=50, num_return_sequences=k, **kw)
            o += s.tokenizer.batch_decode(g[:, e.input_ids.shape[1]:], skip_special_tokens=True)
        s.tokenizer.padding_side = was
        return o if num_return_sequences is None else [o[i:i+k] for i in range(0, len(o), k)]
    def answer(s, *qs): return [s.parse_answer(t) for t in s.batched_generate([s.format_prompt(q) for q in qs])]

class S(B): f = "{} <answer>"
class R(B): f = "{}\nthinking:"
class C(B):
    def format_prompt(s, q):
        return s.tokenizer.apply_chat_template([dict(role=r, content=c) for r, c in [
            ("system", "unit conversion, one line, <answer>number</answer>"),
            ("user", "5 m in cm?"), ("assistant", "5 * 100 = <answer>500</answer>"), ("user", q)]],
            tokenize=False, add_generation_prompt=True)

# %% training
def rows(m, split):
    for q, a, *w in D(split).d:
        x = m.tokenizer(m.format_prompt(q)).input_ids
        y = m.tokenizer((" " + w[0]) if w else f"{a:.6g}</answer>").input_ids + [m.tokenizer.eos_token_id]
        yield x + y, [-100] * len(x) + y

def fit(m, split, out, r, lr=6e-4, ep=5, bs=32):
    m.model = get_peft_model(m.model, LoraConfig(r=r, lora_alpha=4*r, target_modules="all-linear", task_type="CAUSAL_LM"))
    if AMP == "fp16": assert dev == "cuda", "fp16 needs cuda for the scaler"
    dt = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(AMP)
    sc = torch.amp.GradScaler("cuda", enabled=AMP == "fp16")    # weights stay fp32, only the matmuls are half
    ps = [w for w in m.model.parameters() if w.requires_grad]
    opt = torch.optim.AdamW(ps, lr)
    z = list(rows(m, split))
    n = ep * math.ceil(len(z) / bs); sch = torch.optim.lr_scheduler.LinearLR(opt, 1, 0.01, n)
    curve = []
    for e in range(ep):
        for ix in torch.randperm(len(z)).split(bs):
            b = [z[i] for i in ix]; T = max(len(i) for i, _ in b)
            I = torch.tensor([i + [0] * (T - len(i)) for i, _ in b], device=dev)
            A = torch.tensor([[1] * len(i) + [0] * (T - len(i)) for i, _ in b], device=dev)
            L = torch.tensor([l + [-100] * (T - len(l)) for _, l in b], device=dev)
            with torch.autocast(dev, dtype=dt, enabled=dt is not None):
                loss = m.model(input_ids=I, attention_mask=A, labels=L).loss
            sc.scale(loss).backward(); sc.unscale_(opt)
            gn = nn.utils.clip_grad_norm_(ps, 1., error_if_nonfinite=AMP != "fp16")   # the scaler skips inf steps itself
            sc.step(opt); sc.update(); opt.zero_grad(); sch.step()
            curve.append((loss.item(), gn.item()))
            if loss != loss: raise RuntimeError(f"nan loss, step {len(curve)}")
    m.model.save_pretrained(out)
    plot(curve, out)

def plot(c, out):
    import matplotlib; matplotlib.use("agg")
    from matplotlib import pyplot as plt
    c = torch.tensor(c).nan_to_num(nan=0., posinf=0.)     # the picture only: skipped steps have an inf norm
    plt.plot(c[:, 0]); plt.twinx().plot(c[:, 1], "r", lw=.3); plt.savefig(p.join(out, "curve.png")); plt.close()

# %% loading
def get(K, name, merged=False):
    m = K(); d = p.join(root, name)
    cfg = LoraConfig.from_pretrained(d); cfg.inference_mode = True     # loading to answer, nothing trains here
    m.model = PeftModel.from_pretrained(m.model, d, config=cfg)
    if merged: m.model = m.model.merge_and_unload()
    m.model.eval()
    return m

ls = lambda: get(S, "sft_model")
lr_ = lambda: get(R, "rft_model")
lc = lambda: C()

def export(name="sft_model"):
    # one folder with everything, for my own llama.cpp; NOT over the adapter
    m = get(S if name[0] == "s" else R, name, merged=True)
    m.model.half().save_pretrained(p.join(root, "..", "export", name))
