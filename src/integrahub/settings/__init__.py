"""Settings: model, sources and checks."""
