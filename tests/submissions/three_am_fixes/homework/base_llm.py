import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
device = "cuda" if torch.cuda.is_available() else "cpu"

# 02:10  64 -> OOM on the 2060
# 02:25  32 -> OOM in datagen only
# 02:40  8 works
MAX_ROWS = 8


class BaseLLM:
    def __init__(self, checkpoint=checkpoint):
        self.device = device
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(device)

    def format_prompt(self, question):
        return question.strip()

    def parse_answer(self, answer):
        try:
            return float(answer.split("<answer>")[1].split("</answer>")[0].replace(",", ""))
        except (IndexError, ValueError):
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = num_return_sequences or 1

        # rows on the card = prompts * samples, so count both
        if len(prompts) * n > MAX_ROWS:
            step = max(1, MAX_ROWS // n)
            out = []
            for i in range(0, len(prompts), step):
                out.extend(self.batched_generate(prompts[i : i + step], num_return_sequences, temperature))
            return out

        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        with torch.no_grad():
            outputs = self.model.generate(
                **inputs,
                max_new_tokens=64,
                do_sample=temperature > 0,
                temperature=temperature if temperature > 0 else None,
                num_return_sequences=n,
                eos_token_id=self.tokenizer.eos_token_id,
                pad_token_id=self.tokenizer.eos_token_id,
            )
        texts = self.tokenizer.batch_decode(outputs[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions):
        return [self.parse_answer(g) for g in self.batched_generate([self.format_prompt(q) for q in questions])]


def test_model():
    model = BaseLLM()
    for t in ["The cat went up", "The dog went down"]:
        print(t, "|", model.generate(t))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
