"""What is kept: tables, settings, secrets."""
