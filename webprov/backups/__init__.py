"""Backups: the whole instance in one file, and back (contract; security DB-05)."""
