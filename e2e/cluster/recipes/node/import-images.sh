#!/bin/bash
# Puts the images of the control plane into containerd's store, packed as they are: nothing has to be mounted.
set -o errexit -o nounset -o pipefail

containerd > /tmp/containerd.log 2>&1 &
for _ in $(seq 100); do
  ctr version > /dev/null 2>&1 && break
  sleep 0.1
done
ctr --namespace k8s.io images import --no-unpack --digests - < /images.tar || { cat /tmp/containerd.log; exit 1; }
ctr --namespace k8s.io images list --quiet
kill %1
wait %1 || true
