"""What the templates of one device see."""

from dataclasses import dataclass, field

Value = str | int


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """Names and values, priorities already settled (spec 3).

    `values` holds what every template of the device sees. `lines` has one mapping per account 1…`lines` of the model
    (LINE_SLOTS, empty text where unused), `keys` one per key of the phone and then of its modules (KEY_SLOTS), up to
    the last module that the device has keys on. A line template sees `values` and above them its line; a key template
    the same with its KEY_LINE's line, and its key above. Mappings may be shared between devices: whoever needs more
    names makes a copy. `used_lines` and `used_keys` are the positions in `lines` and `keys` that the device really has.
    `veiled` are the names whose values are Veiled, None where secrets are not (see `masking.veil`).
    """

    values: dict[str, Value]
    lines: tuple[dict[str, Value], ...] = ()
    keys: tuple[dict[str, Value], ...] = ()
    used_lines: tuple[int, ...] = ()
    used_keys: tuple[int, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    veiled: frozenset[str] | None = None
