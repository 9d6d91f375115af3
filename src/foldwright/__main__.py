"""`python -m foldwright` is the command `foldwright`."""

from foldwright.cli.main import main

if __name__ == "__main__":
    main()
