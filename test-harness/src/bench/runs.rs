//! What is measured: each run's name, its filters, and its requests.

use super::tokens::Pool;
use ambit::policy::Policy;
use serde_json::{Map, Value, json};

/// Whose tokens count, in every run.
pub(super) const ISSUER: &str = "https://idp.example.com";
/// What they are for, in every run.
pub(super) const AUDIENCE: &str = "https://api.example.com";
/// Rules of one resource type.
const RULES_A_TYPE: usize = 10;
/// Requests of a run that sends the same ones over and over.
const CYCLE: usize = 512;

/// The filters of one run's listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filters {
    /// None but the router.
    None,
    /// A WebAssembly filter without work.
    Noop,
    /// Envoy's `jwt_authn` and RBAC.
    Native {
        /// Whether verified tokens are remembered.
        cached: bool,
    },
    /// Ambit, with this many rules.
    Ambit {
        /// 1 is the policy of the first comparison: scopes and one condition.
        rules: usize,
    },
}

/// Which tokens a run's requests carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tokens {
    /// Sixteen, over and over.
    Few,
    /// A new one with each request, signed so.
    New(&'static str),
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) name: &'static str,
    pub(super) filters: Filters,
    pub(super) tokens: Tokens,
    /// What the table says it is.
    pub(super) says: &'static str,
}

/// All runs, in the table's order.
pub(super) const RUNS: [Run; 13] = [
    run("none", Filters::None, Tokens::Few, "no filter"),
    run("wasm_noop", Filters::Noop, Tokens::Few, "a WebAssembly filter that does nothing"),
    run("native_cached", Filters::Native { cached: true }, Tokens::Few, "jwt_authn + RBAC, cache"),
    run("ambit_cached", Filters::Ambit { rules: 1 }, Tokens::Few, "Ambit, tokens seen before"),
    run("native_rs256", NATIVE, Tokens::New("RS256"), "jwt_authn + RBAC, RS256"),
    run("ambit_rs256", AMBIT, Tokens::New("RS256"), "Ambit, every token new, RS256"),
    run("native_es256", NATIVE, Tokens::New("ES256"), "jwt_authn + RBAC, ES256"),
    run("ambit_es256", AMBIT, Tokens::New("ES256"), "Ambit, every token new, ES256"),
    run("native_eddsa", NATIVE, Tokens::New("EdDSA"), "jwt_authn + RBAC, EdDSA"),
    run("ambit_eddsa", AMBIT, Tokens::New("EdDSA"), "Ambit, every token new, EdDSA"),
    run("ambit_rules_10", Filters::Ambit { rules: 10 }, Tokens::Few, "Ambit, 10 rules"),
    run("ambit_rules_1000", Filters::Ambit { rules: 1_000 }, Tokens::Few, "Ambit, 1,000 rules"),
    run(
        "ambit_rules_100000",
        Filters::Ambit { rules: 100_000 },
        Tokens::Few,
        "Ambit, 100,000 rules",
    ),
];

const NATIVE: Filters = Filters::Native { cached: false };
const AMBIT: Filters = Filters::Ambit { rules: 1 };

const fn run(name: &'static str, filters: Filters, tokens: Tokens, says: &'static str) -> Run {
    Run { name, filters, tokens, says }
}

/// The policy of a run, as a gateway is given it.
///
/// # Errors
/// It does not load.
pub(super) fn policy(rules: usize, jwks: &Value) -> Result<String, String> {
    let (resources, written) = match rules {
        1 => first(),
        _ => many(rules),
    };
    let policy = json!({
        "apiVersion": "ambit/v1",
        "name": format!("bench-{rules}"),
        "identity": { "issuers": [{
            "issuer": ISSUER,
            "jwks": { "inline": jwks },
            "max_lifetime": "2h",
            "claims": { "tenant": { "from": "tid", "type": "string" } },
        }] },
        "actors": { "assistant": { "match": { "client_id": "assistant" }, "scopes": ["read:*"] } },
        "resources": resources,
        "rules": written,
    });
    let text = policy.to_string();
    // 100,000 rules are checked where they are measured: in the module.
    if rules <= 1_000 {
        Policy::load("bench", text.as_bytes()).map_err(|errors| errors.to_string())?;
    }
    Ok(text)
}

/// One type, one rule: what `jwt_authn` and RBAC can say as well.
fn first() -> (Value, Value) {
    let resources = json!({ "document": {
        "audience": AUDIENCE,
        "credentials": "keep",
        "http": [{ "path": "/v1/documents/{id}" }],
    } });
    let rules = json!([{
        "id": "same-tenant",
        "effect": "allow",
        "actions": ["read"],
        "resources": ["document"],
        "when": "subject.tenant == \"acme\"",
    }]);
    (resources, rules)
}

fn many(rules: usize) -> (Value, Value) {
    let (mut resources, mut written) = (Map::new(), Vec::with_capacity(rules));
    for number in 0..rules.div_ceil(RULES_A_TYPE) {
        let name = type_name(number);
        resources.insert(
            name.clone(),
            json!({
                "audience": AUDIENCE,
                "credentials": "keep",
                "attributes": {
                    "owner": { "type": "string", "from": { "path": "owner" } },
                    "kind": { "type": "string", "from": { "path": "kind" } },
                },
                "http": [{ "path": format!("/v1/{name}/{{owner}}/{{kind}}/{{id}}") }],
            }),
        );
        for kind in 0..RULES_A_TYPE {
            written.push(json!({
                "id": format!("{name}-{kind}"),
                "effect": "allow",
                "actions": ["read"],
                "resources": [name],
                "when": format!("resource.owner == subject.id && resource.kind == \"k{kind}\""),
            }));
        }
    }
    (Value::Object(resources), Value::Array(written))
}

fn type_name(number: usize) -> String {
    format!("type-{number:05}")
}

/// The requests of one run: those of `round`, where every token is new.
pub(super) fn requests(run: &Run, pool: &Pool, round: usize) -> Vec<Vec<u8>> {
    match (run.tokens, run.filters) {
        (Tokens::New(algorithm), _) => {
            let tokens = pool.new_ones(algorithm, round).iter().enumerate();
            tokens.map(|(n, token)| request(&format!("/v1/documents/{n}"), token)).collect()
        }
        (Tokens::Few, Filters::Ambit { rules }) if rules > 1 => {
            let types = rules.div_ceil(RULES_A_TYPE);
            (0..CYCLE)
                .map(|n| {
                    // A stride that meets types far apart, so that nothing stays warm by chance.
                    let name = type_name(n.wrapping_mul(7_919) % types);
                    let (user, token) = pool.few(n);
                    request(&format!("/v1/{name}/{user}/k{}/{n}", n % RULES_A_TYPE), token)
                })
                .collect()
        }
        (Tokens::Few, _) => {
            (0..CYCLE).map(|n| request(&format!("/v1/documents/{n}"), pool.few(n).1)).collect()
        }
    }
}

fn request(path: &str, token: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: api.example.com\r\nuser-agent: ambit-bench\r\n\
         accept: application/json\r\nauthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_load() {
        let key = ambit::identity::SigningKey::ed25519_from_seed(&[7; 32]).unwrap();
        let jwks = json!({ "keys": [key.jwk("eddsa")] });
        for rules in [1, 10, 1_000] {
            assert!(policy(rules, &jwks).unwrap().contains("bench"));
        }
    }
}
