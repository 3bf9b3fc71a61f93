"""The verbs of the `webprov` command, one file per topic; `webprov.cli` names them and loads each on its first use."""
