import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
device = "cuda" if torch.cuda.is_available() else "cpu"


class BaseLLM:
    def __init__(self, checkpoint=checkpoint, full_precision: bool = False):
        """
        full_precision: base weights in float32, twice the memory.
        """
        self.device = device
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        kwargs = {"dtype": torch.float32} if full_precision else {"dtype": torch.bfloat16}
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, **kwargs).to(device)

    def format_prompt(self, question: str) -> str:
        return question.strip()

    def parse_answer(self, answer: str) -> float:
        start = answer.find("<answer>")
        end = answer.find("</answer>", start)
        if start < 0 or end < 0:
            return float("nan")
        try:
            return float(answer[start + len("<answer>") : end])
        except ValueError:
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        # my laptop has 4 GB
        micro_batch_size = 8
        if len(prompts) > micro_batch_size:
            out = []
            for idx in tqdm(range(0, len(prompts), micro_batch_size)):
                out.extend(
                    self.batched_generate(prompts[idx : idx + micro_batch_size], num_return_sequences, temperature)
                )
            return out

        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        sample_args = {}
        if temperature > 0:
            sample_args = {"do_sample": True, "temperature": temperature}
        with torch.no_grad():
            tokens = self.model.generate(
                **inputs,
                max_new_tokens=50,
                num_return_sequences=num_return_sequences or 1,
                pad_token_id=self.tokenizer.eos_token_id,
                **sample_args,
            )
        texts = self.tokenizer.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i * num_return_sequences : (i + 1) * num_return_sequences] for i in range(len(prompts))]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        generations = self.batched_generate(prompts)
        return [self.parse_answer(g) for g in generations]


def test_model():
    model = BaseLLM()
    print(model.batched_generate(["The cat went up", "The dog went down"]))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
