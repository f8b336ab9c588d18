# shellcheck shell=bash
# Sourced by scripts/lib/setup.sh, which sets $root, say and die, and puts jlpm on the PATH.
# frontend_install     the npm packages, as yarn.lock pins them; nothing is done where they are there
# frontend_build       lib/ and jupyterlab_dsp/labextension/; nothing is done where no source changed
# frontend_lint, frontend_typecheck, frontend_unit_tests, frontend_ui_tests ARGS
# DSP_FRONTEND_MODE=development builds with source maps and without minifying.

root=${root:?setup.sh sets it}

# Digest of the files and folders that are named.
frontend_digest() {
  (cd "$root" && find "$@" -type f ! -path '*/__tests__/*' -print0 | LC_ALL=C sort -z | xargs -0 cat -- | cksum)
}

frontend_jlpm() (cd "$root" && YARN_ENABLE_TELEMETRY=0 exec jlpm "$@")

# yarn does not read npm's settings: it is told here what npm was told about its registry.
frontend_jlpm_install() (
  if command -v npm >/dev/null; then
    registry=${YARN_NPM_REGISTRY_SERVER:-$(npm config get registry 2>/dev/null)}
    case $registry in
      http://*)
        host=${registry#http://}
        host=${host%%/*}
        export YARN_NPM_REGISTRY_SERVER=$registry YARN_UNSAFE_HTTP_WHITELIST=${host%%:*}
        ;;
      https://*) export YARN_NPM_REGISTRY_SERVER=$registry ;;
    esac
    cafile=$(npm config get cafile 2>/dev/null)
    if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -f "$cafile" ]; then
      export NODE_EXTRA_CA_CERTS=$cafile
    fi
  fi
  frontend_jlpm install "$@"
)

frontend_install() {
  local digest log stamp="$root/node_modules/.dsp-installed"
  digest=$(frontend_digest package.json yarn.lock .yarnrc.yml)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ]; then
    return
  fi
  say "Installing the npm packages (about half a minute the first time)"
  mkdir -p "$root/.cache"
  log="$root/.cache/frontend-install.log"
  if ! frontend_jlpm_install --immutable >"$log" 2>&1; then
    grep -vE 'YN0013|YN0019' "$log" | tail -n 20 >&2
    die "The npm packages could not be installed." \
      "Check that npm reaches its registry; after a change of package.json run 'jlpm install' and commit yarn.lock."
  fi
  echo "$digest" >"$stamp"
}

frontend_build() {
  local digest log stamp="$root/lib/.dsp-built" mode="${DSP_FRONTEND_MODE:-production}"
  digest="$mode $(frontend_digest package.json yarn.lock tsconfig.json src style schema install.json)"
  if [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && [ -f "$root/jupyterlab_dsp/labextension/package.json" ]; then
    return
  fi
  say "Building the front end"
  rm -f "$stamp"
  mkdir -p "$root/.cache"
  log="$root/.cache/frontend-build.log"
  if [ "$mode" = production ]; then set -- build:lib:prod build:labextension; else set -- build:lib build:labextension:dev; fi
  if ! { frontend_jlpm run "$1" && frontend_jlpm run "$2"; } >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "The front end could not be built."
  fi
  echo "$digest" >"$stamp"
}

frontend_lint() { frontend_jlpm run lint; }

frontend_typecheck() { frontend_jlpm run typecheck; }

frontend_unit_tests() { frontend_jlpm run test; }

frontend_ui_tests() { frontend_jlpm run test:ui "$@"; }
