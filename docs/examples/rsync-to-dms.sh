#!/bin/sh
# Makes a DMS hold what webprov's provisioning directory holds, for External mode without S3 storage.
#
#   rsync-to-dms.sh webprov@dms.example:/srv/www/provisioning
#
# The target is the folder behind the Provisioning Path. Run it from cron or a systemd timer, as the service's user.
# With a Custom Script as file transport single devices arrive at once; this carries contacts, firmware and the rest.
set -eu
target=${1:?give the folder on the DMS, like webprov@dms.example:/srv/www/provisioning}
source=${WEBPROV_INSTANCE:-$PWD/instance}/provisioning

# An empty source is a disk that is not mounted rather than a wish to delete everything.
if [ -z "$(ls -A "$source" 2>/dev/null)" ]; then
  echo "$source is empty or missing: nothing was done." >&2
  exit 1
fi

# Hidden files and links stay here; firmware below the models' folders is looked after further down.
rsync --recursive --times --checksum --delete-after --max-delete="${MAX_DELETE:-500}" --no-links \
  --exclude='.*' --exclude='/*/FIRMWARE-*/' "$source/" "$target/"

# Phones ask for firmware below the folder of their model.
webprov devices list --json | python3 -c '
import json, sys
print("\n".join(sorted({device["model"] for device in json.load(sys.stdin)})))' |
while read -r model; do
  webprov models list --json | python3 -c '
import json, sys
for model in json.load(sys.stdin):
    if model["key"] == sys.argv[1]:
        print(model["segment"], model["firmware_dir"])' "$model"
done | while read -r segment firmware; do
  if [ -d "$source/$firmware" ]; then
    rsync --recursive --times --checksum --delete-after --no-links --exclude='.*' --mkpath \
      "$source/$firmware/" "$target/$segment/$firmware/" </dev/null
  fi
done
