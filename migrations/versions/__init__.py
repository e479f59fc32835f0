"""One module per version, oldest first. Each says its tables out, so that a later model does not change it."""
