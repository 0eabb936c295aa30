"""Programs that drive a hub from outside: demo, load tests, services for development."""
