"""OVERRIDE in key=value files: where the template says `override=merge`, its lines replace those of the same name."""

from webprov.rendering.settingnames import line_names


def merged(text: str, override: str, comment: str) -> str:
    """`text`, which holds `override`, with every name that the override sets left only where it stands last.

    So no name appears twice, and the last word is the device's: its text comes after the tenant's and the model's.
    """
    named = {name for name in line_names(override, comment) if name}
    if not named:
        return text
    lines = text.splitlines(keepends=True)
    names = line_names(text, comment)
    last = {name: position for position, name in enumerate(names) if name in named}
    return "".join(
        line
        for position, (line, name) in enumerate(zip(lines, names, strict=True))
        if name not in named or last[name] == position
    )
