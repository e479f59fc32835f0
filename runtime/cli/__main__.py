"""`python -m runtime.cli` is the `entrepot` command."""

from runtime.cli.fast_start import main

if __name__ == "__main__":
    main()
