"""`python -m pkgintel` and the `pkgintel` command."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C while it is still being imported is as quiet as any other."""
    try:
        from pkgintel.cli import main as command_line
    except KeyboardInterrupt:
        sys.exit(130)
    command_line()


if __name__ == "__main__":
    main()
