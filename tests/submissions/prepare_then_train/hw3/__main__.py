import importlib
import sys

part, what = sys.argv[1:3]
getattr(importlib.import_module(f"hw3.parts.{part}"), {"train": "train_model", "test": "test_model", "load": "load"}[what])()
