"""Composition root of the admin UI."""
