"""`experiments/hpro.yaml` on frozen vectors."""

from leadrank.compare.heads import preset_system

SYSTEM = preset_system("hpro", "HPRO, taught start, gated tiers")
