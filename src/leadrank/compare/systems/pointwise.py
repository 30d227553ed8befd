"""`experiments/pointwise.yaml` on frozen vectors."""

from leadrank.compare.heads import preset_system

SYSTEM = preset_system("pointwise", "Pointwise, labels alone")
