"""The forms of the admin pages, one file per page."""
