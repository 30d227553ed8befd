"""How fast leadrank is: ratios measured side by side, each with its target."""
