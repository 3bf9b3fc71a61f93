"""How phones fetch."""
