# shellcheck shell=bash
# Sourced by scripts/demo, scripts/test and scripts/bench: gets what they need, on a machine where nothing is prepared.
# setup_python   .venv with the package (editable) and everything that its tests need, as pinned in constraints.txt
# setup_torch    PyTorch in .venv, for the tests that need it
# setup_frontend node checked, npm packages installed, the labextension built and linked into .venv
# setup_browser  DSP_CHROMIUM set to a Chromium, installed where there is none

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python="$root/.venv/bin/python"
labextension_link="$root/.venv/share/jupyter/labextensions/jupyterlab-dsp"

unset PYTHONDONTWRITEBYTECODE # without .pyc files every import costs several times more
export UV_COMPILE_BYTECODE=1 UV_LINK_MODE="${UV_LINK_MODE:-copy}"
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}"

say() { printf '==> %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '       %s\n' "$2" >&2
  exit 1
}

# An announced apt-get, only where that is possible without asking anybody.
apt_install() {
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
  say "Installing $* with apt-get"
  apt-get install -y -q "$@" >&2 || { apt-get update -q >&2 && apt-get install -y -q "$@" >&2; }
}

find_python() {
  local candidate
  for candidate in "${DSP_PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

make_venv() {
  local base
  base=$(find_python) || { apt_install python3 python3-venv && base=$(find_python); } ||
    die "Python 3.11, 3.12 or 3.13 is needed and was not found." "Install one, or name it: DSP_PYTHON=/path/to/python3.12"
  if ! "$base" -c 'import ensurepip, venv' 2>/dev/null; then
    apt_install "python$("$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv" ||
      die "$base cannot make a virtual environment." "On Debian and Ubuntu: apt-get install python3-venv"
  fi
  say "Making .venv with $("$base" --version)"
  rm -rf "$root/.venv"
  "$base" -m venv "$root/.venv"
}

setup_python() {
  local digest stamp="$root/.venv/.dsp-setup"
  "$python" -c '' 2>/dev/null || make_venv
  digest=$(cat "$root/pyproject.toml" "$root/constraints.txt" "$root/server_extension/jupyter-config/server-config/"*.json |
    "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
  if [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && [ -x "$root/.venv/bin/dsp" ]; then
    return
  fi
  # else an uninstall of the version before would delete the built front end through the link
  [ ! -L "$labextension_link" ] || rm "$labextension_link"
  say "Installing the Python packages (about two minutes the first time)"
  [ -x "$root/.venv/bin/uv" ] ||
    "$python" -m pip install --quiet --disable-pip-version-check "$(grep -E '^uv==' "$root/constraints.txt")" ||
    die "uv could not be installed by pip." "Check that pip can reach its package index."
  (cd "$root" && .venv/bin/uv pip install --quiet --python "$python" --constraints constraints.txt \
    --requirements <(grep -E '^(hatchling|hatch-nodejs-version|hatch-jupyter-builder|editables|pip)==' constraints.txt) \
    --editable '.[all,test]') || die "The Python packages could not be installed."
  echo "$digest" >"$stamp"
}

# PyTorch brings several GB of CUDA packages from the index, so only the whole of scripts/test asks for it.
setup_torch() {
  [ -z "${DSP_NO_TORCH:-}" ] || return 0
  "$python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)' && return
  say "Installing PyTorch (several GB, some minutes the first time)"
  (cd "$root" && UV_COMPILE_BYTECODE=0 .venv/bin/uv pip install --quiet --python "$python" --constraints constraints.txt \
    "$(grep -E '^torch==' constraints.txt | cut -d' ' -f1)") || die "PyTorch could not be installed." "DSP_NO_TORCH=1 leaves it out."
}

setup_node() {
  if ! command -v node >/dev/null; then
    apt_install nodejs npm || die "Node.js 20 or newer is needed and was not found." "See https://nodejs.org"
  fi
  local version
  version=$(node --version)
  version=${version#v}
  [ "${version%%.*}" -ge 20 ] || die "Node.js 20 or newer is needed; this is $version." "See https://nodejs.org"
}

# JupyterLab finds the labextension through a link, so that a new build needs no new install.
link_labextension() {
  mkdir -p "${labextension_link%/*}"
  [ -L "$labextension_link" ] || rm -rf "$labextension_link"
  ln -sfn ../../../../jupyterlab_dsp/labextension "$labextension_link"
}

setup_frontend() {
  setup_node
  export PATH="$root/.venv/bin:$PATH" # jlpm, the yarn that JupyterLab brings
  # shellcheck source=scripts/lib/frontend.sh
  . "$root/scripts/lib/frontend.sh"
  frontend_install
  frontend_build
  link_labextension
}

find_chromium() {
  local candidate
  for candidate in "${DSP_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# DSP_CHROMIUM stays empty where Playwright brought its own browser, which it then finds by itself.
setup_browser() {
  if ! DSP_CHROMIUM=$(find_chromium); then
    if apt_install chromium; then
      DSP_CHROMIUM=$(find_chromium) || die "Chromium was installed and is not found."
    else
      say "Installing Playwright's Chromium"
      local folder="$root"
      [ ! -d "$root/ui-tests/node_modules" ] || folder="$root/ui-tests"
      (cd "$folder" && npx playwright install chromium >&2) ||
        die "There is no Chromium, and Playwright could not install one." "Install one and set DSP_CHROMIUM to it."
      DSP_CHROMIUM=
    fi
  fi
  export DSP_CHROMIUM
}
