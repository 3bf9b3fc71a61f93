"""OVERRIDE in key=value files: where the template says `override=merge`, its lines replace those of the same name."""

from webprov.rendering.settingnames import line_names


def kept_lines(text: str, override: str, comment: str) -> list[int]:
    """The positions of the lines of `text`, which holds `override`, that stay: of every name that the override sets
    only the last line.

    So no name appears twice, and the last word is the device's: its text comes after the tenant's and the model's.
    """
    named = {name for name in line_names(override, comment) if name}
    names = line_names(text, comment)
    last = {name: position for position, name in enumerate(names) if name in named}
    return [position for position, name in enumerate(names) if name not in named or last[name] == position]
