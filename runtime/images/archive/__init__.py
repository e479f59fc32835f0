"""Images in files: docker's archives and OCI layouts, written as one file that is both, read whichever they are."""
