#!/usr/bin/env python
# coding: utf-8

# # The base model
# Exported from `01_base.ipynb` with nbconvert, magics removed by hand.

# In[1]:


# !pip install -q transformers peft accelerate


# In[2]:


import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

# one place decides about the dtype, for training and for answering
DTYPE = torch.bfloat16 if DEVICE == "cuda" and torch.cuda.is_bf16_supported() else torch.float32


# In[3]:


# first try, kept for the report (answers were all nan with the adapter from the bf16 run)
#
# model = AutoModelForCausalLM.from_pretrained(CHECKPOINT).half().to(DEVICE)
# tok = AutoTokenizer.from_pretrained(CHECKPOINT, padding_side="right")


# In[4]:


class BaseLLM:
    CHUNK = 24

    def __init__(self, checkpoint=CHECKPOINT):
        self.device = DEVICE
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=DTYPE).to(self.device)

    def format_prompt(self, question):
        return question.strip() + " <answer>"

    def parse_answer(self, text):
        # the opening tag is in the prompt for sft, in the text for cot and rft
        text = text.split("<answer>")[-1].split("</answer>")[0]
        try:
            return float(text.strip().replace(",", ""))
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def _some(self, prompts, n, temperature):
        enc = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        kw = dict(max_new_tokens=64, pad_token_id=self.tokenizer.pad_token_id, num_return_sequences=n)
        if temperature:
            kw.update(do_sample=True, temperature=temperature, top_p=0.95)
        else:
            kw.update(do_sample=False)
        with torch.no_grad():
            out = self.model.generate(**enc, **kw)
        return self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[-1]:], skip_special_tokens=True)

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = num_return_sequences or 1
        flat = []
        for lo in range(0, len(prompts), self.CHUNK):
            flat += self._some(prompts[lo:lo + self.CHUNK], n, temperature)
        if num_return_sequences is None:
            return flat
        return [flat[i * n:(i + 1) * n] for i in range(len(prompts))]

    def answer(self, *questions):
        texts = self.batched_generate([self.format_prompt(q) for q in questions])
        return [self.parse_answer(t) for t in texts]


# In[5]:


def test_model():
    m = BaseLLM()
    for t in ["The cat went up", "The dog went down"]:
        print(repr(t), "->", repr(m.generate(t)))


# In[6]:


# what do the logits look like? nan_to_num only because the histogram crashes on the -inf of forbidden tokens
def peek(text="How many m are 2 km? <answer>"):
    m = BaseLLM()
    with torch.no_grad():
        logits = m.model(**m.tokenizer(text, return_tensors="pt").to(m.device)).logits[0, -1].float()
    shown = torch.nan_to_num(logits, neginf=-100.0)
    print("min %.2f  max %.2f" % (shown.min(), shown.max()))
    print(m.tokenizer.convert_ids_to_tokens(logits.topk(5).indices.tolist()))


# In[7]:


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "peek": peek})
