"""Real clients, real images and real daemons against a running registry."""
