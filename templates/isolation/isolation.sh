#!/bin/sh
# Keeps this server's users apart, written by labctl; labctl-isolation.service runs it.
set -eu

# The machine around a container may refuse it; then it is for that machine to see to, and the rest holds all the same.
unless_contained() { "$@" || systemd-detect-virt --quiet --container; }

# Only root listens on a port below 1024, and all of labctl's services do. It is the kernel's default (ip(7)), but not
# everywhere: Docker's is 0. A container shows it read-only, and this unit has mounts of its own.
setting=/proc/sys/net/ipv4/ip_unprivileged_port_start
[ -w "$setting" ] || unless_contained mount -o remount,rw /proc/sys
[ "$(cat "$setting")" -ge 1024 ] || unless_contained sh -c 'echo 1024 >"$0"' "$setting"

# Who is not in the group sees own processes only: command lines may carry passwords (proc(5), `hidepid`).
group=$(getent group labctl-isolation | cut -d : -f 3)
unless_contained mount -o "remount,hidepid=invisible,gid=$group" /proc
# polkit looks at whoever asks it; one that runs already is not in the group yet.
polkit=$(systemctl show --property=MainPID --value polkit.service || echo 0)
if [ "${polkit:-0}" != 0 ] && ! grep -qw "^Groups:.*$group" "/proc/$polkit/status"; then
    systemctl --no-block try-restart polkit.service || true
fi

# The second file fails as a whole when a user in it no longer exists. What the first one closed then stays closed.
nft --file /etc/labctl/isolation-closed.nft
nft --file /etc/labctl/isolation.nft
