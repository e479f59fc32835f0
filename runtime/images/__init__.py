"""Images of this machine: their names, their content by digest, and the ways they come in and go out."""
