"""The console: pages for the people who operate the hub, rendered by the server."""
