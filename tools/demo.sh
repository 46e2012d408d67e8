#!/bin/sh
# The main job in an empty folder: keys, picture, claim, verification by regeneration. Called by make demo.
set -eu
folder=$1
mkdir -p "$folder"
export SEEDPROOF_HOME="$folder/home"
say() {
    printf '\n$'
    for word in "$@"; do case $word in *" "*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac; done
    printf '\n'
    "$@"
}

[ -e "$SEEDPROOF_HOME/data/keystore.json" ] || say seedproof keys new --no-passphrase --name "Demo author"
say seedproof create "a lavender field at sunset" -o "$folder/lavender.png" --force
say seedproof verify "$folder/lavender.png" --ledger "$SEEDPROOF_HOME/data/ledger.db"
printf '\nThe picture: %s\n' "$folder/lavender.png"
