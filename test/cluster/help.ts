export const helpText = `A real Kubernetes cluster for tests.

Usage: node test/cluster/main.ts COMMAND [FLAGS]

Commands
  up [--audit-log]           bring it up (seconds when warm, minutes the first time)
  down [--purge]             stop it and clean up; --purge also forgets imported images and logs
  status [-o json]           is it up, where is it, what is wrong
  path                       print the path of its kubeconfig
  tool NAME                  print the path of kubectl, helm, coredns, kwok, kubeconform …, made first if need be
  base-images                make the base images of this repository's images
  build-image --tag TAG --file DOCKERFILE [--context DIR] [--build-arg NAME=VALUE]… [--load]
                             build an image; print tag, size and docker-archive; --load puts it into the cluster.
                             BASE_IMAGE is set for Dockerfiles that ask for it, unless it is given
  load-image ARCHIVE…        put docker-archives into the cluster

Environment
  CLUSTER           current: the cluster of KUBECONFIG, which must be named so to be used
                    kind:    in Docker; chosen where a Docker daemon runs and kind is on PATH
                    local:   a single node on this machine (Linux, root); chosen elsewhere
  KUBECONFIG        the kubeconfig of CLUSTER=current
  SEKS_CACHE_DIR    where built and downloaded things are kept (~/.cache/seks)
  SEKS_KUBE_BIN_DIR a folder with kube-apiserver, kubelet, kubectl, helm, coredns …, used before all else

Exit codes
  0  done     1  failed     2  wrong command line
  3  no cluster can be had on this machine; the message says what is missing
  4  status only: the cluster is not up

Examples
  node test/cluster/main.ts up && export KUBECONFIG=$(node test/cluster/main.ts path)
  node test/cluster/main.ts status -o json
  node test/cluster/main.ts build-image --tag localhost/seks-operator:dev --file operator/Dockerfile --context . --load
  CLUSTER=current KUBECONFIG=~/.kube/config node test/cluster/main.ts status`;
