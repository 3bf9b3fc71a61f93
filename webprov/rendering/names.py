"""The vocabulary of template variables (spec 3): every built-in name with its meaning, by where it can be used.

The gate refuses a lower-case or underscored name that is not here; custom variables may add upper-case names, never
these. Whole numbers: LINE, LINE_ZERO_BASED, LINE_COUNT, KEY, TZ_OFFSET; all else is text.
"""

_SERVERS = ("REG_SERVER", "REG_SERVER_BACKUP", "PROXY_SERVER", "PROXY_SERVER_BACKUP", "NTP_SERVER", "PROV_SERVER",
            "FIRMWARE_SERVER")  # fmt: skip

SERVER_NAMES = {
    "REG_SERVER": "SIP registration server",
    "SERVER": "Alias of REG_SERVER",
    "REG_SERVER_BACKUP": "Backup SIP registrar",
    "PROXY_SERVER": "SIP proxy",
    "PROXY_SERVER_BACKUP": "Backup SIP proxy",
    "NTP_SERVER": "Time server",
    "PROV_SERVER": "Server that phones download their files from",
    "FIRMWARE_SERVER": "Server that phones download firmware from",
    **{f"{server}_HOST": f"{server} without its port; IPv6 without brackets" for server in _SERVERS},
    **{f"{server}_PORT": f"Port of {server}; empty for the default" for server in _SERVERS},
    "PROV_PORT": "Port of the provisioning server; empty for the protocol's own",
    "PROV_PATH": "Path of the provisioning URL",
    "PROV_MODEL_SEGMENT": "Folder of this model on the DMS; empty in Local mode",
    "PROTO": "Provisioning protocol: http, https, ftp, ftps, tftp",
    "PROTO_URL": "Provisioning URL with credentials, without a slash at the end",
    "PROV_URL": "Like PROTO_URL, without credentials",
    "SHARED_URL": "Like PROTO_URL, without the model's folder",
    "CONTACTS_URL": "URL of the tenant's contact directory, not by a model's own TFTP; empty until it exists",
    "FIRMWARE": "File name of the firmware",
    "FIRMWARE_PATH": "Path of the firmware folder",
    "FIRMWARE_URL": "URL of the firmware file; empty where the model names none",
    "PROV_USER": "User that the phone downloads with",
    "PROV_PASSWORD": "Password that the phone downloads with",
    "HTTP_USER": "User for HTTP and HTTPS",
    "HTTP_PASSWORD": "Password for HTTP and HTTPS",
    "FTP_USER": "User for FTP and FTPS",
    "FTP_PASSWORD": "Password for FTP and FTPS",
}

DEVICE_NAMES = {
    "MAC": "MAC address, 12 upper-case hex digits",
    "mac": "MAC address, 12 lower-case hex digits",
    "MODEL": "Key of the phone model",
    "MODEL_LABEL": "Name of the phone model",
    "TENANT": "Name of the tenant",
    "TENANT_ID": "Number of the tenant",
    "LABEL": "Description of the device; in line templates that of the line",
    "DEVICE_LABEL": "Description of the device",
    "LANGUAGE": "Language tag (BCP 47), like de or en-GB",
    "PHONE_LANGUAGE": "The language as this phone names it",
    "ADMIN_PASSWORD": "Administrator password of the phone's own menu",
    "DEFAULT_PARKEXT": "Call park extension of the tenant",
    "LINE_COUNT": "How many lines the device uses",
    "TL_TIMEZONE": "Time zone as this phone names it",
    "TL_TIMEZONE_NAME": "Time zone as people read it",
    "TZ": "Time zone, IANA name",
    "TZ_OFFSET": "Standard offset from UTC in seconds",
    "TZ_POSIX": "Time zone as a POSIX rule",
    "TZ_DST": "1 where the zone has daylight saving time, else 0",
    "DST_OFFSET": "Seconds added in daylight saving time",
    **{
        f"DST_{edge}_{part}": f"{meaning} when daylight saving time {'starts' if edge == 'START' else 'ends'}"
        for edge in ("START", "END")
        for part, meaning in {
            "MONTH": "Month (1-12)",
            "WEEK": "Week of the month (1-4, 5 = last)",
            "DAY": "Weekday (1 = Monday … 7 = Sunday)",
            "DATE": "Day of the month: the first such weekday from it on counts",
            "HOUR": "Hour on the wall clock",
        }.items()
    },
}

RAW_NAMES = {
    "LINES": "Output of the line template, joined",
    "KEYS": "Output of the key template, joined",
    "OVERRIDE": "Override text of model, tenant and device, as it is",
}

LINE_NAMES = {
    "LINE": "Line number from 1",
    "LINE_ZERO_BASED": "Line number from 0",
    "USERID": "SIP user",
    "AUTH_ID": "SIP user for authentication",
    "PASSWORD": "SIP password",
    "DISPLAY_NAME": "Caller ID name",
    "EXTENSION": "Extension number",
    "FIRST_NAME": "First name",
    "LAST_NAME": "Last name",
    "LABEL": "Label on the display",
    "LINE_LABEL": "Label on the display",
    "VOICEMAIL": "Voicemail number",
}

KEY_NAMES = {
    "KEY": "Key number from 1",
    "KEY_MODULE": "Expansion module; 0 = the phone itself",
    "KEY_TYPE": "What the key does: blf, speeddial, …",
    "KEY_CODE": "The same as this brand codes it",
    "KEY_VALUE": "Number, address or code",
    "KEY_LABEL": "Label beside the key",
    "KEY_LINE": "Line that the key uses, from 1",
}

CONTACT_NAMES = {
    "NUMBER": "Position in the directory, from 1",
    "NAME": "Name as shown: first and last name, or the company",
    "FIRST_NAME": "First name",
    "LAST_NAME": "Last name",
    "COMPANY": "Company",
    "GROUP": "Group",
    "EXTENSION": "Extension",
    "WORK": "Number at work",
    "MOBILE": "Mobile number",
    "HOME": "Number at home",
    "OTHER": "Another number",
    "EMAIL": "E-mail address",
    "GROUP_NUMBER": "Number of the group, from 1; empty without a group",
    "GROUP_FIRST": "In GROUPED_CONTACTS: 1 for the first of its group, else empty",
    "GROUP_LAST": "In GROUPED_CONTACTS: 1 for the last of its group, else empty",
}

CONTACT_NUMBER_NAMES = {
    "NAME": "Name of the contact",
    "FIRST_NAME": "First name",
    "LAST_NAME": "Last name",
    "COMPANY": "Company",
    "GROUP": "Group",
    "GROUP_NUMBER": "Number of the group, from 1; empty without a group",
    "KIND": "Which number it is: extension, work, mobile, home or other",
    "TITLE": "Name; with the kind in brackets where the contact has several numbers",
    "DIAL": "The number",
    "REPEATED": "1 where a number before it is the same, else empty",
}

CONTACT_GROUP_NAMES = {"NUMBER": "Number of the group, from 1", "NAME": "Name of the group"}

DIRECTORY_NAMES = {
    "DIRECTORY_URL": "URL of the tenant's folder of directories, for links to further pages",
    "DIRECTORY_PAGE": "This page, from 1",
    "DIRECTORY_PAGES": "How many pages there are",
}

CONTACT_COLLECTIONS = {
    "CONTACTS": CONTACT_NAMES,
    "GROUPED_CONTACTS": CONTACT_NAMES,
    "CONTACT_NUMBERS": CONTACT_NUMBER_NAMES,
    "CONTACT_GROUPS": CONTACT_GROUP_NAMES,
}
"""What directory templates loop over, and the members of the records."""

COLLECTIONS = {"LINE_SLOTS": LINE_NAMES, "KEY_SLOTS": KEY_NAMES, **CONTACT_COLLECTIONS}

SET_NAMES = {
    "SIP_TRANSPORT": "SIP transport: udp, tcp or tls",
    "SIP_PORT": "SIP port of the registrar; empty for the default",
    "SRTP": "Media encryption: off, optional or required",
    "REG_EXPIRES": "Seconds between registrations",
    "CODECS": "Codecs in order: pcmu pcma g722 g729 opus …",
    "DTMF_MODE": "DTMF: rfc2833, info or inband",
    "MWI": "Message waiting: 1 subscribes, 0 does not",
    "VOICEMAIL_NUMBER": "Voicemail number where a line names none",
    "PICKUP_CODE": "Code before the number that picks up a call",
    "PARK_RETRIEVE_CODE": "Code before the slot that takes a parked call back",
    "DIAL_PLAN": "Dial plan in the brand's own syntax; empty for the phone's",
    "VLAN_ID": "VLAN of the phone's own port; empty for none",
    "PC_VLAN_ID": "VLAN of the PC port; empty for none",
    "LLDP": "1 learns the VLAN by LLDP, 0 does not",
    "SYSLOG_SERVER": "Host that the phone sends its log to; empty for none",
    "SYSLOG_LEVEL": "Log level as the brand counts it",
    "POLL_SECONDS": "Seconds between two looks for new files",
    "TIME_FORMAT": "Clock: 24 or 12 hours",
    "DATE_FORMAT": "Date format as the brand codes it; empty for the phone's",
    "LOGO_URL": "URL of a picture for the display; empty for none",
    "BACKLIGHT_SECONDS": "Seconds until the display dims; 0 never",
    "IP_MODE": "ipv4, ipv6 or dual",
    "WEB_UI": "1 keeps the phone's web pages on, 0 switches them off",
    "PHONEBOOK_NAME": "Name of the contact directory on the phone",
    "MEMBERS": "MAC addresses of the further base stations of a DECT system, apart by blanks",
    "INTERNATIONAL_PREFIX": "What is dialled instead of + by phones that cannot dial it",
    "DIRECTORY_PAGE_SIZE": "Entries on one page of a directory whose file name holds ${DIRECTORY_PAGE}",
    "DIRECTORY_LIMIT": "Most entries that the phone takes in a directory; empty for any number",
    "CLEAR": "What empties a setting in the files of this brand; empty where an empty value does",
}

SET_PREFIX = "set_"
"""`${NAME}` is a model's `set_NAME` unless a custom variable overrides it. `${set_NAME}` is always the model's own,
also in output names (`y0000000000${set_COMMON}.cfg`): models of one family agree on the names of shared files."""

WHOLE_NUMBERS = frozenset({
    "LINE", "LINE_ZERO_BASED", "LINE_COUNT", "KEY", "TZ_OFFSET", "DIRECTORY_PAGE", "DIRECTORY_PAGES",
})  # fmt: skip
"""Names whose values are whole numbers, so that templates can calculate with them."""

RESERVED_NAMES = frozenset({"UNDEFINED", "STOP_RENDERING"})
"""Upper-case names that mean something to Mako itself: never variables."""

BUILT_IN_NAMES = frozenset({
    *SERVER_NAMES, *DEVICE_NAMES, *RAW_NAMES, *LINE_NAMES, *KEY_NAMES, *DIRECTORY_NAMES, *COLLECTIONS, *RESERVED_NAMES,
})  # fmt: skip
"""Names that a custom variable may not have. The `set_` vocabulary is not among them: overriding it is its purpose."""

SECRET_NAMES = frozenset({"PASSWORD", "ADMIN_PASSWORD", "PROV_PASSWORD", "HTTP_PASSWORD", "FTP_PASSWORD"})
"""Values that only administrators see; composed ones (PROTO_URL, FIRMWARE_URL, …) carry PROV_PASSWORD inside."""
