from .stages import SFT, TokenizedDataset, main, tokenize  # noqa: F401

load = SFT.load
train_model = SFT.train
test_model = SFT.test

if __name__ == "__main__":
    main(SFT)
