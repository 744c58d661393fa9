# An agent that uses GitHub's command line, which takes its token from GH_TOKEN and knows no other address.
. "$(dirname "$0")/steps.sh"

export GH_NO_UPDATE_NOTIFIER=1 GH_PROMPT_DISABLED=1

user() {
  [ "$(gh api user --jq .login)" = octo-agent ]
}

status() {
  gh auth status
}

graphql() {
  [ "$(gh api graphql --field query='query { viewer { login } }' --jq .data.viewer.login)" = octo-agent ]
}

renamed() {
  [ "$(gh api repos/acme/old-name --jq .full_name)" = acme/widgets ]
}

issues() {
  gh api --paginate 'repos/acme/widgets/issues?per_page=2' --jq '.[].number'
}

# A repository whose description shows the key; said, for the test to see.
echo_key() {
  gh api repos/echo-key/widgets --jq .description
}

step user user
step status status
step graphql graphql
step renamed renamed
step issues issues
step echo echo_key
finish
