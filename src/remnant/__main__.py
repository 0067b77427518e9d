"""`python -m remnant`."""

from remnant.cli import main

if __name__ == "__main__":
    main()
