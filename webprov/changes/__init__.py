"""What people change: check, store, record who changed which field. One file per thing."""
