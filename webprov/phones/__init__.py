"""What phones are: models, time zones, discovery, check-sync."""
