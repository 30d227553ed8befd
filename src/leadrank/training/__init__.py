"""Batches, callbacks and the run from the first step to a finished folder."""
