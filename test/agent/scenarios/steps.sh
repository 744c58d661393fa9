# What scenarios in sh share: `step NAME COMMAND…` runs one if it is wanted and prints one line of JSON; `finish` ends.
wanted=" $* "
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# the end of a text as the inside of a JSON string
json_text() {
  tail -c 800 "$1" | tr '\n\r\t' '   ' | tr -d '\000-\037' | sed 's/[\\"]/\\&/g'
}

step() {
  name=$1
  shift
  case $wanted in '  ' | *" $name "*) ;; *) return 0 ;; esac
  # A shell of its own, so that -e and a changed folder end with the step.
  (set -e && cd "$work" && "$@") >"$work/said" 2>&1
  code=$?
  if [ $code -eq 0 ]; then
    printf '{"step":"%s","ok":true,"said":"%s"}\n' "$name" "$(json_text "$work/said")"
  else
    printf '{"step":"%s","ok":false,"code":"exit %s","message":"%s"}\n' "$name" $code "$(json_text "$work/said")"
    failed=1
  fi
}

finish() {
  exit $failed
}
