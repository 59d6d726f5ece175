#!/bin/sh
# Make .venv out of a lock file, or leave it as it is when nothing changed.
# usage: deployments/bootstrap.sh requirements.lock
# Needs Python 3.11 or later, and an index that pip knows by its own configuration.
set -eu
cd "$(dirname "$0")/.."
lock=$1

say() { printf '%s\n' "$*" >&2; }

find_python() {
  for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python3.14; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$name"
      return
    fi
  done
  say "错误：没有找到 Python 3.11 或更高版本。请先安装，或用 make PYTHON=/路径/python3 指定。"
  exit 2
}

# Debian ships Python without the part that puts pip into a new environment.
venv_possible() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

ensure_venv() {
  if venv_possible; then return; fi
  package="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "正在安装 $package …"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package" >/dev/null ||
      { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$package" >/dev/null; }
  fi
  venv_possible || { say "错误：Python 缺少 venv 组件，请由管理员安装 $package 后重试。"; exit 2; }
}

stamp() { cat "$lock" pyproject.toml "$0" | sha256sum | cut -d' ' -f1; }

installed=.venv/.installed
if [ -x .venv/bin/opsproof ] && [ "$(cat $installed 2>/dev/null)" = "$lock $(stamp)" ]; then exit 0; fi
# An environment with the test tools serves `make up` as well.
if [ "$lock" = requirements.lock ] && [ -x .venv/bin/opsproof ] &&
  [ "$(cat $installed 2>/dev/null)" = "requirements-dev.lock $(lock=requirements-dev.lock stamp)" ]; then exit 0; fi

python=$(find_python)
ensure_venv
say "正在准备 .venv（$("$python" --version)，按 $lock 安装）…"
rm -f $installed
[ -x .venv/bin/python ] && .venv/bin/python -c 'import pip' 2>/dev/null || "$python" -m venv --clear .venv
pip=".venv/bin/python -m pip --disable-pip-version-check --no-input -q"
# The lock is complete, so nothing is resolved; pip would stumble over extras when a version changes.
$pip install --no-deps --require-hashes -r "$lock" ||
  { say "错误：安装依赖失败。请确认 pip 能访问软件源（可在 pip 配置中指定内网镜像）。"; exit 2; }
$pip install --no-deps --no-build-isolation -e .
$pip check >&2
printf '%s %s' "$lock" "$(stamp)" >$installed
