# An agent that calls GitHub's REST API with curl.
. "$(dirname "$0")/steps.sh"

api=${GITHUB_API_URL:-https://api.github.com}

call() {
  curl --silent --show-error --fail-with-body --location --max-time 20 \
    --header "Authorization: Bearer $GITHUB_TOKEN" --header 'Accept: application/vnd.github+json' "$@"
}

user() {
  call "$api/user" >user.json
  grep -q '"login":"octo-agent"' user.json
}

renamed() {
  call "$api/repos/acme/old-name" >renamed.json
  grep -q '"full_name":"acme/widgets"' renamed.json
}

# curl follows to another host and leaves the header behind
tarball() {
  call --output archive.tar.gz "$api/repos/acme/widgets/tarball/main"
  [ "$(wc -c <archive.tar.gz)" -eq 300000 ]
}

head_only() {
  call --head "$api/user" >head.txt
  grep -qi '^x-ratelimit-limit: 5000' head.txt
}

step user user
step renamed renamed
step tarball tarball
step head head_only
finish
