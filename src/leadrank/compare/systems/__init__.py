"""The systems, one module each; a module put here is compared, and nothing else is changed.

A module has SYSTEM, a `compare.system.System`.
"""
