"""From a saved model to probabilities, grades and a ranked call list."""
