"""`python -m benchmarks`: every goal, one table; exit status 1 when one is missed."""

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.goals import Result, print_table


def main() -> int:
    """Run each `bench_*.py` of this folder."""
    results: list[Result] = []
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name.startswith("bench_"):
            results += importlib.import_module(f"benchmarks.{module.name}").measure()
    return 0 if print_table(results) else 1


if __name__ == "__main__":
    sys.exit(main())
