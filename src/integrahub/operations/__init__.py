"""What an operator orders: decide, replay, verify."""
