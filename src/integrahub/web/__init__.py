"""HTTP server: uvicorn, TLS and limits on connections."""
