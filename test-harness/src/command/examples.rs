//! Examples in the help of commands that have nothing else to say there.

pub(super) const ATTACKS: &str = "\
Examples:
  make attacks               builds the module, fetches Envoy, and runs this
  ambit attacks --all        names what got through Envoy's native filters too

Exit codes: 0 nothing got through and every good request passed, 4 otherwise.";

pub(super) const AUDIT: &str = "\
Examples:
  ambit audit show records.log --actor support-assistant
  ambit audit summary records.log
  ambit audit verify records.log";

pub(super) const BENCH: &str = "\
Examples:
  make bench                 builds what is measured, and runs this
  ambit bench --rounds 3     a quick look";

pub(super) const CHECK: &str = "\
Examples:
  ambit check policy.yaml
  ambit check --expand policies/entra/policy.yaml     what the issuer's profile stands for

Exit codes: 0 every policy loads, 3 one does not.";

pub(super) const COMPILE: &str = "\
Examples:
  ambit compile policy.yaml > policy.json     what Envoy's filter configuration holds as a StringValue";

pub(super) const DEMO: &str = "\
Examples:
  make demo                  builds the module, fetches Envoy, and runs this
  ambit demo                 where that is done, or beside an `ambit run` in another terminal

Exit codes: 0 every promise was kept, 4 one was not.";

pub(super) const RUN: &str = "\
Examples:
  make run                   builds the module, fetches Envoy, and runs this
  curl -i http://127.0.0.1:10000/v1/documents/1 -H \"authorization: Bearer $(ambit token --as alice)\"";

#[cfg(feature = "wasm-host")]
pub(super) const SERVE: &str = "\
Examples:
  ambit serve policy.yaml --upstream http://127.0.0.1:8080
  ambit serve policy.yaml --upstream http://127.0.0.1:8080 --cluster idp=https://idp.example.com
  ambit serve --config gateway.yaml --records records.log";

pub(super) const TOKEN: &str = "\
Examples:
  ambit run                                   in another terminal: the issuer
  ambit token --as alice                      a user's agent
  ambit token --agent nightly-indexer         an agent for itself
  ambit token --as alice --expired            one that ended
  ambit token --as alice --dpop GET http://127.0.0.1:10000/v1/documents/1 |
    curl -i http://127.0.0.1:10000/v1/documents/1 -H @-";
