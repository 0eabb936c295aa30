"""The orchestrator: starts, watches, restarts, scales and drains the hub's processes on one machine."""
