"""`experiments/asllr.yaml` on frozen vectors."""

from leadrank.compare.heads import preset_system

SYSTEM = preset_system("asllr", "asLLR")
