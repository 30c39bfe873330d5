from .dataset import Dataset, benchmark
from .llm import load_cot as load


def test_model():
    print(benchmark(load(), Dataset("valid"), 100))


if __name__ == "__main__":
    test_model()
