"""OpenAPI texts that FastAPI cannot derive from the routes."""
