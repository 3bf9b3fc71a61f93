"""What needs the instance for itself."""

from contextlib import ExitStack

from webprov.config import Config
from webprov.supervisor import lock_instance


def nobody_serves(config: Config) -> ExitStack:
    """Holds the locks of `webprov serve` and of parts that are served alone; raises AlreadyRunning."""
    config.instance.mkdir(mode=0o750, parents=True, exist_ok=True)
    parts = [path.stem.removeprefix("serve-") for path in config.instance.glob("serve-*.lock")]
    with ExitStack() as stack:
        for part in (None, *parts):
            stack.enter_context(lock_instance(config, part))
        return stack.pop_all()
