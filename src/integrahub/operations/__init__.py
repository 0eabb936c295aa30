"""Operations of an operator: decide about batches, replay, verify."""
