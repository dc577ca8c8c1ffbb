#!/bin/bash
# Turns a Debian with packages into what kind expects of a node; runs once, while the image is built.
set -o errexit -o nounset -o pipefail

# kind's units and settings name these places; Debian's packages put the files elsewhere.
for tool in containerd ctr containerd-shim-runc-v2; do
  ln -sf "/usr/bin/${tool}" "/usr/local/bin/${tool}"
done
ln -sf /usr/sbin/runc /usr/local/sbin/runc
mkdir -p /opt/cni /etc/kubernetes/manifests
ln -sfn /usr/lib/cni /opt/cni/bin

# A container has no devices, terminals or file systems to look after.
rm -f /lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service \
  /lib/systemd/system/multi-user.target.wants/* \
  /etc/systemd/system/*.wants/* \
  /lib/systemd/system/local-fs.target.wants/* \
  /lib/systemd/system/sockets.target.wants/*udev* \
  /lib/systemd/system/sockets.target.wants/*initctl* \
  /lib/systemd/system/basic.target.wants/*
echo "ReadKMsg=no" >> /etc/systemd/journald.conf
ln -sf /lib/systemd/systemd /sbin/init
systemctl enable kubelet.service containerd.service undo-mount-hacks.service
systemctl mask systemd-binfmt.service  # its table belongs to the whole kernel

# What every container starts from: nodes of one machine must not look like the same hardware.
ctr oci spec \
  | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
  > /etc/containerd/cri-base.json
