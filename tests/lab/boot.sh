#!/bin/sh
# The first process of a lab host: mounts its own root over the shared base, then becomes sshd or systemd.
# Called inside namespaces of its own (network, mounts, processes, name; systemd: cgroups, too).
# usage: boot.sh FOLDER BASE NAME ADDRESS/MASK sshd|systemd
set -eu
folder=$1 base=$2 name=$3 address=$4 init=$5

hostname "$name"
ip addr add "$address" dev eth0
ip link set eth0 up
ip link set lo up
ip route add default via 10.99.0.1

mount -t overlay overlay -o "lowerdir=$base,upperdir=$folder/up,workdir=$folder/work" "$folder/root"
cd "$folder/root"
mount -t proc proc proc
mount -t tmpfs -o size=64m,mode=1777 tmp tmp
# systemd refuses to reload below 16 MB of room.
mount -t tmpfs -o size=64m,mode=755 run run
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o size=64k,mode=755 dev dev
for node in null zero full random urandom tty; do
  : >dev/$node
  mount --bind /dev/$node dev/$node
done
mkdir dev/pts dev/shm run/sshd
mount -t devpts -o newinstance,ptmxmode=0666,gid=5 devpts dev/pts
mount -t tmpfs -o size=64m,mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
if [ "$init" = systemd ]; then
  : >dev/console
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount --bind proc/sys proc/sys
  mount -o remount,ro,bind proc/sys proc/sys
fi
mkdir -p .old
pivot_root . .old
umount -l /.old
rmdir /.old
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
if [ "$init" = systemd ]; then
  exec env -i "PATH=$PATH" container=opsproof TERM=linux \
    /lib/systemd/systemd --show-status=0 --log-target=journal
fi
exec env -i "PATH=$PATH" /usr/sbin/sshd -D -E /var/log/sshd.log
