"""How everything in this repository addresses people."""


def greeting(name: str) -> str:
    return f"Good day, {name}."
