"""How far does the loss fall in ten steps with a wide adapter? Throw-away, prints and forgets."""
import torch
from peft import get_peft_model

from ..base_llm import BaseLLM
from ..core.config import WIDE
from ..data import Dataset
from ..sft import TokenizedDataset, format_example


def main():
    llm = BaseLLM(job=WIDE)
    model = get_peft_model(llm.model, WIDE.adapter.to_lora(for_training=True))
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=1e-3)
    rows = TokenizedDataset(llm.tokenizer, [Dataset("train")[i] for i in range(10)], format_example)
    for row in rows:
        batch = {k: torch.tensor([v], device=llm.device) for k, v in row.items()}
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        print(f"{loss.item():.3f}")


if __name__ == "__main__":
    main()
