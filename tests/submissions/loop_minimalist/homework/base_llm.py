import math
import re

import torch
import transformers

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
DTYPE = torch.float32  # float16 would be faster, and NaN


class BaseLLM:
    model_prefix = ""

    def __init__(self, checkpoint=checkpoint):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=DTYPE).to(self.device)

    def format_prompt(self, question):
        return question.strip()

    def parse_answer(self, text):
        m = re.search(r"<answer>\s*([-+\d.,eE]+)\s*</answer>", text)
        if m is None:
            return math.nan  # "return 0.0" here would count as an answer
        try:
            return float(m[1].replace(",", ""))
        except ValueError:
            return math.nan

    def generate(self, prompt):
        (text,) = self.batched_generate([self.format_prompt(prompt)])
        return text

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0, budget=32):
        n = num_return_sequences or 1
        size = max(1, budget // n)
        try:
            texts = [t for i in range(0, len(prompts), size) for t in self._run(prompts[i : i + size], n, temperature)]
        except torch.cuda.OutOfMemoryError:
            if budget == 1:
                raise
            torch.cuda.empty_cache()
            return self.batched_generate(prompts, num_return_sequences, temperature, budget // 2)
        return texts if num_return_sequences is None else [texts[i : i + n] for i in range(0, len(texts), n)]

    @torch.inference_mode()
    def _run(self, prompts, n, temperature):
        x = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        y = self.model.generate(
            **x,
            num_return_sequences=n,
            max_new_tokens=48,
            do_sample=temperature > 0,
            temperature=temperature if temperature > 0 else None,
            pad_token_id=self.tokenizer.eos_token_id,
        )
        return self.tokenizer.batch_decode(y[:, x.input_ids.shape[1] :], skip_special_tokens=True)

    def answer(self, *questions):
        return list(map(self.parse_answer, self.batched_generate(list(map(self.format_prompt, questions)))))


if __name__ == "__main__":
    llm = BaseLLM()
    print(llm.generate("The cat went up"))
