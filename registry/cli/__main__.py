"""`python -m registry.cli` is the `entrepot` command."""

from registry.cli.command import main

if __name__ == "__main__":
    main()
