import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"

device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


class BaseLLM:
    def __init__(self, checkpoint=checkpoint):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        # first try, gave nan everywhere when I trained with it:
        # self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float16).to(device)
        # self.model = self.model.half()
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(device)
        self.device = device

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, text: str) -> float:
        """
        Takes the number out of <answer>...</answer>.
        (The old version did `except: return 0.0` and my answer rate was 1.0 all the time. Wrong!)
        """
        try:
            return float(text.split("<answer>")[1].split("</answer>")[0])
        except (IndexError, ValueError):
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        from tqdm import tqdm

        # not too many at once
        micro_batch_size = 32
        if len(prompts) > micro_batch_size:
            return [
                r
                for idx in tqdm(range(0, len(prompts), micro_batch_size), desc=f"LLM in batches of {micro_batch_size}")
                for r in self.batched_generate(prompts[idx : idx + micro_batch_size], num_return_sequences, temperature)
            ]

        # self.tokenizer.padding_side = "right"     <- then the model continues after the padding, bad
        self.tokenizer.padding_side = "left"
        self.tokenizer.pad_token = self.tokenizer.eos_token
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)

        if temperature > 0:
            kwargs = {"do_sample": True, "temperature": temperature}
        else:
            kwargs = {"do_sample": False}
        n = 1
        if num_return_sequences is not None:
            n = num_return_sequences
        # this inference_mode is the torch one, it is ok here
        with torch.inference_mode():
            out = self.model.generate(
                **inputs,
                max_new_tokens=50,
                num_return_sequences=n,
                eos_token_id=self.tokenizer.eos_token_id,
                pad_token_id=self.tokenizer.pad_token_id,
                **kwargs,
            )
        out = out[:, inputs["input_ids"].shape[1] :]
        texts = self.tokenizer.batch_decode(out, skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        result = []
        for i in range(len(prompts)):
            result.append(texts[i * n : (i + 1) * n])
        return result

    def answer(self, *questions) -> list:
        # questions -> prompts
        prompts = [self.format_prompt(q) for q in questions]
        generations = self.batched_generate(prompts)
        return [self.parse_answer(g) for g in generations]


def test_model():
    testset = ["The cat went up", "The dog went down"]
    model = BaseLLM()
    for t in testset:
        print("testing generate function")
        print("input", t)
        print("output", model.generate(t))
    print(model.batched_generate(testset))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
