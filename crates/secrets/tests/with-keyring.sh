#!/usr/bin/env bash
# Runs a command in a D-Bus session of its own with a real, unlocked keyring that is thrown away afterwards.
# The command finds VETSYNC_TEST_KEYRING=1 in its environment.
set -eu
if [ "${_IN_KEYRING_SESSION:-}" != 1 ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  mkdir -m 700 "$folder/run" "$folder/data"
  export _IN_KEYRING_SESSION=1 XDG_RUNTIME_DIR="$folder/run" XDG_DATA_HOME="$folder/data"
  # Without a display a locked keyring answers with an error instead of a password window.
  unset DISPLAY WAYLAND_DISPLAY
  status=0
  dbus-run-session -- "$0" "$@" || status=$?
  exit "$status"
fi
# The password is read up to the end of the input; the keyring "login" is made with it and becomes the default one.
printf 'test-password' | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
export VETSYNC_TEST_KEYRING=1
exec "$@"
