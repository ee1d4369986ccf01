#!/bin/sh
# python.sh SCRIPT [ARGUMENT...] – runs SCRIPT with a Python that the book can be built
# with, or says in one line what is missing. PYTHON=... names one.
set -u

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
        >/dev/null 2>&1
}
can_make_environments() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }
version() {
    "$1" -c 'import sys; sys.stdout.write("%d.%d" % sys.version_info[:2])' 2>/dev/null
}
stop() { printf '\n%s\n' "$*" >&2; exit 1; }

if [ -n "${PYTHON:-}" ]; then
    command -v "$PYTHON" >/dev/null 2>&1 ||
        stop "PYTHON=$PYTHON: there is no such program. Name another, or leave PYTHON out."
    fits "$PYTHON" ||
        stop "PYTHON=$PYTHON is Python $(version "$PYTHON"); the book needs 3.11 to 3.14."
    candidates=$PYTHON
else
    candidates="python3 python3.14 python3.13 python3.12 python3.11 python"
fi

without_venv='' unfit=''
for candidate in $candidates; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    if ! fits "$candidate"; then
        unfit="${unfit:+$unfit, }$candidate is $(version "$candidate")"
    elif can_make_environments "$candidate"; then
        exec "$candidate" "$@"
    else
        without_venv=${without_venv:-$(version "$candidate")}
    fi
done

[ -z "$without_venv" ] ||
    stop "Python $without_venv is here without its venv module: install it" \
         "(Debian, Ubuntu: apt install python$without_venv-venv) and run make again."
stop "The book needs Python 3.11 to 3.14 (found: ${unfit:-none}). Install one and run" \
     "make again, or name it: make PYTHON=/path/to/python3.12"
