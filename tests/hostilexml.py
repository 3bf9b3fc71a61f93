"""XML that would read files, ask servers or grow without end, where a parser heeds its DTD."""

_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))

HOSTILE_XML = {
    "a file": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "a file by a relative name": '<!DOCTYPE a [<!ENTITY b SYSTEM "secret.key">]><a>&b;</a>',
    "a server": '<!DOCTYPE a [<!ENTITY b SYSTEM "http://127.0.0.1:9/x">]><a>&b;</a>',
    "a DTD of elsewhere": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
    "a public DTD": '<!DOCTYPE a PUBLIC "-//X//X" "http://127.0.0.1:9/a.dtd"><a/>',
    "a parameter entity": '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/b.dtd"> %b;]><a/>',
    "an internal entity": '<!DOCTYPE Error [<!ENTITY b "AccessDenied">]><Error><Code>&b;</Code></Error>',
    "a default attribute": '<!DOCTYPE a [<!ATTLIST a b CDATA "canary">]><a/>',
    "a billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "lol">{_LAUGHS}]><a>&l9;</a>',
    "a quadratic blow-up": f'<!DOCTYPE a [<!ENTITY b "{"b" * 50_000}">]><a>{"&b;" * 5_000}</a>',
    "another encoding than it says": (
        '<?xml version="1.0" encoding="utf-32"?><!DOCTYPE Error [<!ENTITY b "AccessDenied">]>'
        "<Error><Code>&b;</Code></Error>"
    ),
    "a circle": '<!DOCTYPE a [<!ENTITY b "&c;"><!ENTITY c "&b;">]><a>&b;</a>',
}
