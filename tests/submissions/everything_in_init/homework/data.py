from . import BenchmarkResult, Dataset, benchmark, is_answer_valid  # noqa: F401
