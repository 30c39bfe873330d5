from homework.main import BaseLLM, Dataset, load_cot, load_rft, load_sft  # noqa: F401
