#!/bin/sh
# Boots a Debian of package-root.sh with systemd as process 1, in namespaces of its own, until it is told to end.
# usage: boot.sh 12|13 WORK     what it writes is kept in the folder WORK, and seen by the Debian as /
set -eu
here=$(cd "$(dirname "$0")" && pwd)
base=$(sh "$here/debian-root.sh" "$1" where)
layer=$(sh "$here/package-root.sh" "$1" where)
# A group of its own for processes: systemd manages what is below.
unified=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
group=$unified/postferry-boot-$$
mkdir "$group"
echo $$ >"$group/cgroup.procs"
exec unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child sh -euc '
  mkdir -p "$2/upper" "$2/work" "$2/root"
  cd "$2/root"
  mount -t overlay -o "lowerdir=$1:$0,upperdir=$2/upper,workdir=$2/work" overlay .
  cd "$2/root"
  mount -t proc proc proc
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=755 tmpfs dev
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"; done
  mknod -m 666 dev/tty c 5 0
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  mkdir -p mnt/old
  pivot_root . mnt/old
  umount -l /mnt/old
  hostname new.example
  exec env -i container=docker PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/lib/systemd/systemd
' "$base" "$layer" "$2"
