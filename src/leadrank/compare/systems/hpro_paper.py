"""`experiments/hpro_paper.yaml` on frozen vectors."""

from leadrank.compare.heads import preset_system

SYSTEM = preset_system("hpro_paper", "HPRO as in the paper")
