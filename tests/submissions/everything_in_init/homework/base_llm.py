from . import BaseLLM

if __name__ == "__main__":
    print(BaseLLM().generate("The cat went up"))
