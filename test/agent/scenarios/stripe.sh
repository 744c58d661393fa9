# An agent that calls Stripe as the examples of its documentation do: curl, with the key as user of Basic.
. "$(dirname "$0")/steps.sh"

api=${STRIPE_API_URL:-https://api.stripe.com}

call() {
  curl --silent --show-error --fail-with-body --max-time 20 --user "$STRIPE_SECRET_KEY:" "$@"
}

create() {
  call "$api/v1/customers" --data-urlencode 'name=Curl & Sons' --data email=curl@example.com >customer.json
  grep -q '"name":"Curl & Sons"' customer.json
}

list() {
  call --get "$api/v1/customers" --data limit=3 --data email=curl@example.com >list.json
  grep -q '"object":"list"' list.json
}

# what the API says of a key that was rolled: prefix and last four characters
expired() {
  if call "$api/v1/customers/cus_of_expired_key"; then return 1; fi
}

echo_key() {
  call "$api/v1/customers" --data name=echo-key
}

step create create
step list list
step expired expired
step echo echo_key
finish
