"""``python -m wsapp``: the same as the command ``wsapp``."""

from wsapp.commands import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
