"""`experiments/hpro_released_code.yaml` on frozen vectors."""

from leadrank.compare.heads import preset_system

SYSTEM = preset_system("hpro_released_code", "HPRO as its code was released")
