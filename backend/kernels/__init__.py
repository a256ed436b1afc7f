"""Kernels: arrays in, arrays out; no pool, no method, no rule."""
