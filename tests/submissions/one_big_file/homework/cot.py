from .everything import CoTModel, load_cot as load, test_cot as test_model

if __name__ == "__main__":
    test_model()
