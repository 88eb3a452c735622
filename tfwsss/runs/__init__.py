"""Stages, the runner that keeps what is finished, devices, checkpoints and scores."""
