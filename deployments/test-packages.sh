#!/bin/sh
# Debian packages the tests use. Without root or apt-get, tests that need a missing one skip by name.
# libatomic1: Playwright brings a Node.js of its own, which needs it.
set -eu
packages="age busybox ceph-mon ceph-osd chromium debootstrap fonts-noto-cjk faketime iproute2 iputils-ping
  libatomic1 libreoffice-writer-nogui mariadb-backup mariadb-server nginx-light openssh-client openssl
  poppler-utils postgresql-15 radosgw snmpd util-linux zstd"
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0
missing=""
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
echo "正在安装测试所需的系统软件包：$missing" >&2
# The tests start their own servers: what a package would start by itself stays off.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
# Nor does PostgreSQL's make a cluster of its own.
clusters=/etc/postgresql-common/createcluster.conf
if [ ! -e "$clusters" ]; then
  mkdir -p "${clusters%/*}"
  echo 'create_main_cluster = false' >"$clusters"
fi
export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
apt-get update -qq
# shellcheck disable=SC2086 # a list of names
apt-get install -qq -y --no-install-recommends $missing >/dev/null
