"""`python -m pkgintel` and the `pkgintel` command."""

from pkgintel.cli import main

if __name__ == "__main__":
    main()
