"""Demo: a real catalogue posted to a real hub, every figure checked."""
