"""Which pairs can be trusted: what each tier's pairs are, and what they teach."""
