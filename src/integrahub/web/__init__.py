"""The HTTP server: uvicorn, TLS and connection limits."""
