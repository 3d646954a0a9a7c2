"""Samplers of hptui's own that draw what Optuna's draw."""
