import sys

from .stages import make_rft as generate_dataset

if __name__ == "__main__":
    generate_dataset(sys.argv[1])
