"""Load tests: scenarios, keep-alive connections, accounting of what was posted."""
