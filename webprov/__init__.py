"""webprov: renders configuration files for SIP phones and delivers them."""

__version__ = "0.1.0"
