"""`experiments/corn.yaml` on frozen vectors."""

from leadrank.compare.heads import preset_system

SYSTEM = preset_system("corn", "CORN, stages without pairs")
