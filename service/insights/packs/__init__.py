"""Packs: a user's own questions, each one YAML file in a folder."""
