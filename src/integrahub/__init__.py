"""IntegraHub keeps pharmacies' catalogues in PostgreSQL in step with their ERPs."""

__version__ = "0.3.0"
