# Shared by scripts/test and scripts/demo: what they need on a bare Debian, and a venv from the lock.
# Sourced by bash. Sets ROOT, VENV and PYTHON (after ensure_venv).

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${RONDA_VENV:-$ROOT/.venv}
LOCK=$ROOT/requirements/lock.txt
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
export LC_ALL=${LC_ALL:-C.UTF-8}

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$(basename "$0"): $*"
    exit 1
}

# quietly COMMAND ...: shows what the command printed only if it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ $status = 0 ] || tail -n 25 "$log" >&2
    rm -f "$log"
    return $status
}

# ensure_packages COMMAND=PACKAGE ...: installs the Debian packages whose command is missing.
ensure_packages() {
    local pair missing=()
    for pair in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    # Debian splits ensurepip from python3, so the command alone does not tell.
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}"
    fi
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update -q || say "apt-get update failed; trying with the lists that are there"
    quietly apt-get install -q -y --no-install-recommends "${missing[@]}" \
        || die "apt-get could not install ${missing[*]}"
}

# A Python that the collector can run on (3.11, for tomllib and the typing of the server).
find_python() {
    local candidate
    for candidate in python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys, ensurepip, sqlite3, ssl; sys.exit(sys.version_info < (3, 11))' \
            2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    die "needs Python 3.11 or newer with venv; on Debian 12: apt-get install python3 python3-venv"
}

# Makes the venv, or brings it up to date when the lock, the metadata or the Python has changed.
ensure_venv() {
    local python stamp
    python=$(find_python) || exit 1
    # Not $(...) of one line: a changed extra or entry point needs the install as well.
    stamp=$(cat "$LOCK" "$ROOT/setup.cfg" <("$python" -VV) <(printf '%s' "$ROOT") | sha256sum)
    PYTHON=$VENV/bin/python
    if [ "$(cat "$VENV/ronda.stamp" 2>/dev/null)" = "$stamp" ]; then return 0; fi
    say "installing the locked packages into $VENV"
    [ -x "$PYTHON" ] || "$python" -m venv "$VENV" || die "cannot make $VENV"
    rm -f "$VENV/ronda.stamp"
    quietly "$PYTHON" -m pip install -q --require-hashes -r "$LOCK" \
        || die "pip could not install the lock"
    quietly "$PYTHON" -m pip install -q --no-deps --no-build-isolation -e "$ROOT" \
        || die "pip could not install ronda itself"
    printf '%s\n' "$stamp" >"$VENV/ronda.stamp"
}
