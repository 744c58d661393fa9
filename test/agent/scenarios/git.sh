# An agent that works with repositories on GitHub through git, with the credential in each of the usual places.
. "$(dirname "$0")/steps.sh"

export GIT_TERMINAL_PROMPT=0
repository=github.com/acme/widgets.git
branch=agent-$$

as_author() {
  git -c user.name=Agent -c user.email=agent@example.invalid "$@"
}

# GIT_ASKPASS: git runs it for the user and for the password
cat >"$work/askpass" <<'EOF'
#!/bin/sh
case $1 in Username*) echo x-access-token ;; *) echo "$GITHUB_TOKEN" ;; esac
EOF
chmod +x "$work/askpass"

with_askpass() {
  GIT_ASKPASS="$work/askpass" git "$@"
}

# commits a file of that many bytes that do not compress
commit_noise() {
  head -c "$1" /dev/urandom >noise.bin
  git add noise.bin
  as_author commit --quiet -m "Add $1 bytes"
}

is_whole() {
  git -C "$1" fsck --full --no-progress
  [ "$(git -C "$1" branch --remotes --list 'origin/topic-*' | wc -l)" -ge 60 ]
  [ "$(wc -c <"$1/data.bin")" -eq 3145728 ]
}

clone_with_url() {
  git clone --quiet "https://x-access-token:$GITHUB_TOKEN@$repository" by-url
  is_whole by-url
}

clone_with_askpass() {
  with_askpass clone --quiet "https://$repository" by-askpass
  is_whole by-askpass
}

# as the checkout action of GitHub's CI does it: no challenge, the header is always sent
clone_with_header() {
  basic=$(printf 'x-access-token:%s' "$GITHUB_TOKEN" | base64 | tr -d '\n')
  git -c "http.extraHeader=Authorization: Basic $basic" clone --quiet "https://$repository" by-header
  is_whole by-header
}

clone_renamed() {
  with_askpass clone --quiet --depth 1 https://github.com/acme/old-name.git renamed
  [ -s renamed/README.md ]
}

push_small() {
  with_askpass clone --quiet --depth 1 "https://$repository" small
  cd small
  git checkout --quiet -b "$branch-small"
  commit_noise 1000
  with_askpass push --quiet origin HEAD
  [ "$(with_askpass ls-remote origin "$branch-small" | cut -f1)" = "$(git rev-parse HEAD)" ]
}

# over http.postBuffer (1 MiB): sent chunked, after a probe
push_chunked() {
  with_askpass clone --quiet --depth 1 "https://$repository" chunked
  cd chunked
  git checkout --quiet -b "$branch-chunked"
  commit_noise 4000000
  with_askpass push --quiet origin HEAD
  [ "$(with_askpass ls-remote origin "$branch-chunked" | cut -f1)" = "$(git rev-parse HEAD)" ]
}

# below a larger http.postBuffer: one body with its length
push_whole() {
  with_askpass clone --quiet --depth 1 "https://$repository" whole
  cd whole
  git checkout --quiet -b "$branch-whole"
  commit_noise 4000000
  with_askpass -c http.postBuffer=16777216 push --quiet origin HEAD
  [ "$(with_askpass ls-remote origin "$branch-whole" | cut -f1)" = "$(git rev-parse HEAD)" ]
}

fetch_new() {
  with_askpass clone --quiet "https://$repository" reader
  with_askpass clone --quiet --depth 1 "https://$repository" writer
  git -C writer checkout --quiet -b "$branch-news"
  (cd writer && commit_noise 2000 && with_askpass push --quiet origin HEAD)
  with_askpass -C reader fetch --quiet origin
  [ "$(git -C reader rev-parse "origin/$branch-news")" = "$(git -C writer rev-parse HEAD)" ]
}

# a server hook talks back in the push's answer
push_echo() {
  with_askpass clone --quiet --depth 1 https://github.com/echo-key/widgets.git echo
  cd echo
  git checkout --quiet -b "$branch-echo"
  commit_noise 1000
  with_askpass push origin HEAD
}

step clone.url clone_with_url
step clone.askpass clone_with_askpass
step clone.header clone_with_header
step clone.renamed clone_renamed
step push.small push_small
step push.chunked push_chunked
step push.whole push_whole
step fetch fetch_new
step push.echo push_echo
finish
