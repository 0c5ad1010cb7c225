"""`python -m study.cli` runs the `mamlab` command."""

from .main import main

if __name__ == "__main__":
    main()
