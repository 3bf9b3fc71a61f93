"""When a serving process collects garbage: seldom, because its index and waiting fetches are large and no garbage."""

import gc


def collect_seldom() -> None:
    """Spare the garbage collector what is here already, and run it less: a fifth of the time in a storm."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
