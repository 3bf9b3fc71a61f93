"""How files leave: onto disk, to an external DMS."""
