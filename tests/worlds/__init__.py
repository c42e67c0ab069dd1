"""Simulated networks with planted refusals, every packet judged by the rules of each interface it crosses.

The rules are evaluated here and not by flowkit: each is a check of the other. `scenes.WORLDS` has the worlds by
name, each a function `world(seed) -> World`; `score` compares findings with what was planted.
"""
