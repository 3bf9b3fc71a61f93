"""What phones are told: variables, templates, formats."""
