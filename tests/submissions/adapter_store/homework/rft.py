from .stages import RFT, TokenizedDataset, main, tokenize  # noqa: F401

load = RFT.load
train_model = RFT.train
test_model = RFT.test

if __name__ == "__main__":
    main(RFT)
