"""Docker's grammars of option values, one a file: text in, the structs of `runtime.bundle.container` out. Pure."""
