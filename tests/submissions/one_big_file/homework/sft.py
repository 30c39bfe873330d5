import sys
from .everything import cli_sft, load_sft as load, test_sft as test_model, tokenize, train_sft as train_model

if __name__ == "__main__":
    cli_sft(sys.argv[1:])
