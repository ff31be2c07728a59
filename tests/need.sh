# Sourced by the runners beside it: installs what a fresh machine lacks, or says what that is.

# need COMMAND[:PACKAGE]…: commands, and what Debian calls the packages that bring them where the names differ.
need() {
  local missing=() tool
  for tool in "$@"; do
    command -v "${tool%:*}" >/dev/null || missing+=("${tool#*:}")
  done
  install_packages ${missing[@]+"${missing[@]}"}
}

# python_environment DIRECTORY REQUIREMENT…: a virtual environment that has the requirements.
python_environment() {
  local place=$1
  shift
  need python3
  # Debian's Python comes without.
  python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv
  [ -x "$place/bin/pip" ] || python3 -m venv "$place"
  "$place/bin/pip" install --quiet --disable-pip-version-check "$@"
}

# node_modules DIRECTORY PACKAGE@VERSION…: npm packages for programs below the directory.
node_modules() {
  local place=$1
  shift
  # npm asks its registry even for what is there.
  [ "$(cat "$place/packages" 2>/dev/null)" = "$*" ] && return
  npm install --silent --no-audit --no-fund --prefix "$place" "$@"
  echo "$*" >"$place/packages"
}

install_packages() {
  if [ "$#" = 0 ]; then
    return
  elif command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install -y -qq "$@" >/dev/null
  else
    echo "$0 needs $*" >&2
    exit 1
  fi
}
