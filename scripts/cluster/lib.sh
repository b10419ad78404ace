# Versions, addresses, paths and small functions for the scripts of the cluster. To be sourced; it runs nothing by itself.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/jobico-cluster} # the output of build: programs, images, manifests
BIN=$CACHE/bin
RUN=${CLUSTER_RUN:-/var/tmp/jobico-cluster} # state of the running cluster: deleted by down
PATIENCE=300                                # seconds that anything may take to start: a machine may be busy with other things
NETNS=jobico                                # the network namespace of the cluster, without a way out
PROCESSES=(etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy) # as they are started
ADDONS=(kube-system traefik knative-serving keda) # the namespaces of the add-ons

K8S_VERSION=v1.34.4
COREDNS_VERSION=v1.14.7
KNATIVE_VERSION=v0.47.0 # Knative Serving 1.20
KEDA_VERSION=v2.20.2
TRAEFIK_VERSION=v3.6.12
NATS_VERSION=v2.15.1

# Ranges for documentation and benchmarks (RFC 5737, RFC 2544): never a real host.
NODE_IP=192.0.2.1
POD_CIDR=198.18.0.0/16
SERVICE_CIDR=198.19.0.0/16
API_IP=198.19.0.1
DNS_IP=198.19.0.10

export KUBECONFIG=$RUN/kubeconfig

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}
need_root() { ((EUID == 0)) || die "this needs root: run it with sudo"; }
need_cluster() { [[ -e /run/netns/$NETNS && -e $KUBECONFIG ]] || die "no cluster is up: start one with npm run cluster -- up"; }

in_ns() { nsenter --net="/run/netns/$NETNS" "$@"; }
kc() { in_ns "$BIN/kubectl" "$@"; }

# until_ok SECONDS COMMAND...: repeats the command until it succeeds; fails when the time is over.
until_ok() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.5
  done
}

# locked FILE: holds a lock until the script ends; waits while another script holds it.
locked() {
  mkdir -p "$(dirname "$1")"
  exec {LOCK}>"$1"
  flock -n "$LOCK" || {
    say "waiting for another run of this script, which holds $1"
    flock "$LOCK"
  }
}

# launch NAME COMMAND...: starts a process of the cluster in its network namespace. Keeps its pid, its log and its command,
# which restart uses. The process inherits no open file of the script, such as a lock.
launch() {
  local name=$1
  shift
  mkdir -p "$RUN"/{log,pid,command}
  printf '%q ' "$@" >"$RUN/command/$name"
  (
    for fd in /proc/self/fd/*; do ((${fd##*/} < 3)) || eval "exec ${fd##*/}>&-"; done
    exec setsid nsenter --net="/run/netns/$NETNS" "$@"
  ) >>"$RUN/log/$name.log" 2>&1 </dev/null &
  echo $! >"$RUN/pid/$name"
}

# alive NAME: whether the process that launch started still runs. Another process may have its pid by now, so this compares
# the name too.
alive() {
  local pid
  pid=$(cat "$RUN/pid/$1" 2>/dev/null) || return 1
  [[ $(basename "$(head -zn 1 "/proc/$pid/cmdline" 2>/dev/null | tr -d '\0')") == "$1" ]]
}

# stop NAME: ends the process, by force after ten seconds.
stop() {
  alive "$1" || return 0
  local pid
  pid=$(<"$RUN/pid/$1")
  kill "$pid" 2>/dev/null || true
  for _ in {1..100}; do
    alive "$1" || return 0
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
}

# dead_processes: prints the names of the processes that do not run.
dead_processes() {
  local name
  for name in "${PROCESSES[@]}"; do alive "$name" || echo "$name"; done
}

api_ready() { kc get --raw /readyz --request-timeout=5s >/dev/null 2>&1; }
node_ready() { kc wait --for=condition=Ready node/node --timeout=1s >/dev/null 2>&1; }
addons_available() {
  local ns
  for ns in "${ADDONS[@]}"; do
    kc -n "$ns" wait --for=condition=Available deployment --all --timeout=1s >/dev/null 2>&1 || return 1
  done
  kc get --raw /apis/external.metrics.k8s.io/v1beta1 >/dev/null 2>&1
}
