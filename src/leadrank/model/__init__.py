"""Encoder, field features, probe, head, and the LightningModule that wires them."""
