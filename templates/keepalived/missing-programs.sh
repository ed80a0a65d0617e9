# missing-programs PROGRAM...: the names of those that are not on this machine.
for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 || echo "$program"
done
