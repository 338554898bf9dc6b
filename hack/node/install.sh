#!/bin/sh
# Install what a local node needs from the distribution: Debian 12 or Ubuntu 22.04 and later.
#
# A package is asked for only where one of its programs is missing, so that a machine with Docker's
# own containerd keeps it. No service of a package is started.
set -eu

[ "$(id -u)" = 0 ] || { echo "install.sh: root is needed: sudo $0" >&2; exit 1; }
command -v apt-get > /dev/null || {
  echo "install.sh: no apt-get here: install what 'python -m hack.node missing' names" >&2
  exit 1
}

packages=
need() { # package, then a program or file of it
  command -v "$2" > /dev/null || [ -x "$2" ] || packages="$packages $1"
}
need containerd containerd
need containerd ctr
need runc runc
[ -x /opt/cni/bin/bridge ] || need containernetworking-plugins /usr/lib/cni/bridge
need iptables iptables
need iproute2 ip
need util-linux unshare
need util-linux nsenter
[ -n "$packages" ] || { echo "install.sh: everything is there"; exit 0; }

# invoke-rc.d asks this file whether it may start a service: 101 forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
apt-get update
# shellcheck disable=SC2086 - a list of words
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $packages
