"""How fast webprov is, against what is possible on the same machine: `make bench` runs all and prints one table."""
