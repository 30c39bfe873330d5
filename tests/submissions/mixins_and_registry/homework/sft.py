from .stages import REGISTRY

stage = REGISTRY["sft"]
load, test_model = stage.load, stage.test
train_model = stage.train

if __name__ == "__main__":
    import sys

    if "--profile" in sys.argv:
        from .core import Dataset, benchmark
        from .decorators import stopwatch

        benchmark(stopwatch(load(), "answer"), Dataset("valid"), 20)
    else:
        getattr(stage, sys.argv[1])(*sys.argv[2:])
