"""Several replicas over one database and one storage: what one acknowledged all know at once."""
