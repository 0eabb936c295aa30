"""Programs that drive a hub from outside: demo, load tests, development services."""
