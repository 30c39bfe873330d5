import sys
from .everything import cli_rft, load_rft as load, test_rft as test_model, tokenize, train_rft as train_model

if __name__ == "__main__":
    cli_rft(sys.argv[1:])
