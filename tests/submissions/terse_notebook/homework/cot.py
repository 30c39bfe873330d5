from .nb import *

load = lc
def test_model(): print(bench(lc(), D("valid")))
if __name__ == "__main__": test_model()
