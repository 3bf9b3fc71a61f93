"""`python -m webprov`: the same as the `webprov` command."""

from webprov.cli import main

if __name__ == "__main__":
    main()
