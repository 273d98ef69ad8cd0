"""`python -m topfive`, and `torchrun ... -m topfive` for many processes."""

from topfive.cli import main

if __name__ == "__main__":
    main()
