//! The comparison: Envoy's own `jwt_authn` and RBAC, hardened as far as Envoy's documentation goes,
//! with the same policy where it can be said in their language.
//!
//! What they cannot say is written out for this world: whose each document is, and each person's
//! name in each person's paths. A real deployment could not do that.

use super::world::{self, Keys};
use serde_json::{Value, json};

/// Headers that clients must not send: all that upstreams believe, by the beginning of their names,
const REMOVED: [&str; 14] = [
    "ambit",
    "proxy-",
    "x-auth-",
    "x-consumer-",
    "x-envoy-",
    "x-goog-authenticated-user-",
    "x-http-method",
    "x-method-override",
    "x-ms-client-principal",
    "x-original-",
    "x-override-",
    "x-rewrite-",
    "x-user",
    "x-forwarded-user",
];
/// and whole.
const REMOVED_WHOLE: [&str; 22] = [
    "cf-connecting-ip",
    "client-ip",
    "forwarded",
    "front-end-https",
    "remote-user",
    "true-client-ip",
    "x-authenticated-user",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-prefix",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-host",
    "x-real-ip",
    "x-remote-user",
    "x-webauth-user",
];

/// The HTTP filters, router aside.
pub(super) fn filters(keys: &Keys) -> Vec<Value> {
    let prefixes = REMOVED
        .iter()
        .map(|prefix| json!({ "remove_on_match": { "key_matcher": { "prefix": prefix } } }));
    let whole = REMOVED_WHOLE.iter();
    let removed: Vec<Value> = prefixes.chain(whole.map(|name| json!({ "remove": name }))).collect();
    vec![
        named(
            "envoy.filters.http.header_mutation",
            "header_mutation.v3.HeaderMutation",
            json!({
                "mutations": { "request_mutations": removed },
            }),
        ),
        named("envoy.filters.http.cors", "cors.v3.Cors", json!({})),
        named("envoy.filters.http.jwt_authn", "jwt_authn.v3.JwtAuthentication", jwt_authn(keys)),
        named(
            "envoy.filters.http.rbac",
            "rbac.v3.RBAC",
            json!({
                "rules": { "action": "ALLOW", "policies": policies() },
            }),
        ),
    ]
}

fn named(name: &str, kind: &str, mut config: Value) -> Value {
    if let Some(members) = config.as_object_mut() {
        let kind = format!("type.googleapis.com/envoy.extensions.filters.http.{kind}");
        members.insert("@type".to_owned(), kind.into());
    }
    json!({ "name": name, "typed_config": config })
}

/// Virtual hosts: only the hosts there are; credentials end here but where they are mirrored.
pub(super) fn virtual_hosts(cluster: &str) -> Value {
    let route = |prefix: &str, remove: &[&str], cors: bool| {
        let mut route = json!({
            "match": { "prefix": prefix },
            "route": { "cluster": cluster },
            "request_headers_to_remove": remove,
        });
        if let (true, Some(members)) = (cors, route.as_object_mut()) {
            members.insert("typed_per_filter_config".to_owned(), json!({
                "envoy.filters.http.cors": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
                    "allow_origin_string_match": [{ "exact": "https://app.example.com" }],
                    "allow_methods": "GET",
                    "allow_headers": "authorization",
                },
            }));
        }
        route
    };
    let all = ["authorization", "cookie", "dpop", "proxy-authorization"];
    json!([
        {
            "name": "api",
            "domains": ["api.example.com", "api.example.com:80"],
            "routes": [route("/v1/notes", &[], true), route("/", &all, false)],
        },
        {
            "name": "billing",
            "domains": ["billing.example.com", "billing.example.com:80"],
            "routes": [route("/", &all, false)],
        },
    ])
}

fn jwt_authn(keys: &Keys) -> Value {
    let provider = |issuer: &str, jwks: &Value, name: &str| {
        json!({
            "issuer": issuer,
            "audiences": [world::AUDIENCE],
            "local_jwks": { "inline_string": jwks.to_string() },
            "from_headers": [{ "name": "Authorization", "value_prefix": "Bearer " }],
            "forward": true,
            "require_expiration": true,
            "max_lifetime": "900s",
            "clock_skew_seconds": 1,
            "payload_in_metadata": name,
            "header_in_metadata": format!("{name}_header"),
            "normalize_payload_in_metadata": { "space_delimited_claims": ["scope"] },
            "claim_to_headers": [{ "header_name": "x-auth-sub", "claim_name": "sub" }],
        })
    };
    let requires = |audience: &str| {
        let one = |name: &str| json!({ "provider_and_audiences": { "provider_name": name, "audiences": [audience] } });
        json!({ "requires_any": { "requirements": [one("idp"), one("partner")] } })
    };
    let billing = json!({
        "prefix": "/",
        "headers": [{ "name": ":authority", "string_match": { "prefix": "billing." } }],
    });
    json!({
        "providers": {
            "idp": provider(world::ISSUER, &keys.jwks(), "idp"),
            "partner": provider(world::PARTNER, &keys.partner_jwks(), "partner"),
        },
        "bypass_cors_preflight": true,
        "rules": [
            { "match": billing, "requires": requires("https://billing.example.com") },
            { "match": { "prefix": "/" }, "requires": requires(world::AUDIENCE) },
        ],
    })
}

/// One allow for each thing somebody may do; everything else is denied.
fn policies() -> Value {
    let assistant = || user("idp", "assistant");
    let mut policies = serde_json::Map::new();
    let mut allow = |name: String, methods: &[&str], path: Value, who: Vec<Value>| {
        let methods: Vec<Value> = methods
            .iter()
            .map(|method| {
                json!({ "header": { "name": ":method", "string_match": { "exact": method } } })
            })
            .collect();
        policies.insert(
            name,
            json!({
                "permissions": [{ "and_rules": { "rules": [
                    { "or_rules": { "rules": methods } },
                    { "url_path": { "path": path } },
                ] } }],
                "principals": [{ "and_ids": { "ids": who } }],
            }),
        );
    };
    let exact = |path: &str| json!({ "exact": path });
    let regex = |path: &str| json!({ "safe_regex": { "regex": path } });
    let with = |mut ids: Vec<Value>, more: Vec<Value>| {
        ids.extend(more);
        ids
    };
    for document in ["acme-1", "acme-2", "globex-1", "globex-2"] {
        let tenant = world::tenant_of(document).unwrap_or_default();
        let who = with(assistant(), vec![claim("idp", &["tid"], tenant), scope("idp", "document")]);
        let path = exact(&format!("/v1/documents/{document}"));
        allow(format!("document-{document}"), &["GET", "HEAD"], path, who);
    }
    for person in ["alice", "bob"] {
        let own = |verb: &str| {
            let scope = scope_of("idp", verb, "file");
            with(assistant(), vec![claim("idp", &["sub"], person), scope])
        };
        let path = regex(&format!("/v1/users/{person}/files/[^/]+"));
        allow(format!("read-{person}"), &["GET", "HEAD"], path.clone(), own("read"));
        allow(format!("write-{person}"), &["POST", "PUT", "PATCH"], path, own("write"));
    }
    for (provider, client) in
        [("idp", "assistant"), ("idp", "reader"), ("partner", "partner-assistant")]
    {
        let who = with(user(provider, client), vec![scope(provider, "note")]);
        allow(format!("notes-{client}"), &["GET", "HEAD"], regex("/v1/notes(/[^/]+)?"), who);
    }
    for (provider, client) in [("idp", "assistant"), ("partner", "partner-assistant")] {
        let who = with(user(provider, client), vec![scope(provider, "search")]);
        allow(format!("search-{client}"), &["GET", "POST"], exact("/v1/search"), who);
    }
    let who = with(assistant(), vec![scope_of("idp", "write", "message")]);
    allow("messages".to_owned(), &["POST", "PUT", "PATCH"], exact("/v1/messages"), who);
    let who = with(
        acting("idp", "indexer"),
        vec![claim("idp", &["sub"], "indexer"), absent("idp", "act"), scope("idp", "job")],
    );
    allow("jobs".to_owned(), &["GET", "HEAD"], regex("/v1/jobs/[^/]+"), who);
    Value::Object(policies)
}

/// A user's token in the hands of an agent: not the agent's own, and delegated only by agents that
/// are known.
fn user(provider: &str, client: &str) -> Vec<Value> {
    let mut ids = acting(provider, client);
    for agent in ["assistant", "reader", "indexer", "partner-assistant"] {
        ids.push(not(claim(provider, &["sub"], agent)));
    }
    let itself = |name: &str| {
        both(vec![claim(provider, &["act", name], client), absent_at(provider, &["act", "act"])])
    };
    ids.push(any(vec![absent(provider, "act"), itself("sub"), itself("client_id")]));
    ids
}

fn acting(provider: &str, client: &str) -> Vec<Value> {
    let header = format!("{provider}_header");
    let mut ids = vec![
        any(["at+jwt", "application/at+jwt"]
            .map(|kind| {
                let is = json!({ "string_match": { "exact": kind, "ignore_case": true } });
                metadata(&header, &["typ"], &is)
            })
            .to_vec()),
        absent(&header, "crit"),
        absent(&header, "b64"),
        claim(provider, &["client_id"], client),
        present(provider, "sub"),
        present(provider, "iat"),
        // Scopes that subtract are not understood, so a token that has them gets nothing.
        not(json!({ "metadata": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": keys_of(provider, &["scope"]),
            "value": { "list_match": { "one_of": { "string_match": { "prefix": "no:" } } } },
        } })),
    ];
    for other in ["azp", "cid", "appid"] {
        ids.push(any(vec![absent(provider, other), claim(provider, &[other], client)]));
    }
    for foreign in ["nonce", "at_hash", "c_hash", "cnf"] {
        ids.push(absent(provider, foreign));
    }
    ids
}

fn keys_of(provider: &str, path: &[&str]) -> Vec<Value> {
    [provider].iter().chain(path).map(|key| json!({ "key": key })).collect()
}

fn metadata(provider: &str, path: &[&str], value: &Value) -> Value {
    json!({ "metadata": {
        "filter": "envoy.filters.http.jwt_authn",
        "path": keys_of(provider, path),
        "value": value,
    } })
}

fn claim(provider: &str, path: &[&str], is: &str) -> Value {
    metadata(provider, path, &json!({ "string_match": { "exact": is } }))
}

fn present(provider: &str, name: &str) -> Value {
    metadata(provider, &[name], &json!({ "present_match": true }))
}

fn absent(provider: &str, name: &str) -> Value {
    absent_at(provider, &[name])
}

fn absent_at(provider: &str, path: &[&str]) -> Value {
    not(metadata(provider, path, &json!({ "present_match": true })))
}

fn scope(provider: &str, of: &str) -> Value {
    scope_of(provider, "read", of)
}

/// The scope itself or one that holds it.
fn scope_of(provider: &str, verb: &str, of: &str) -> Value {
    let one = |scope: String| {
        let is = json!({ "list_match": { "one_of": { "string_match": { "exact": scope } } } });
        metadata(provider, &["scope"], &is)
    };
    any([(verb, of), (verb, "*"), ("*", of), ("*", "*")]
        .map(|(verb, of)| one(format!("{verb}:{of}")))
        .to_vec())
}

fn any(ids: Vec<Value>) -> Value {
    json!({ "or_ids": { "ids": ids } })
}

fn both(ids: Vec<Value>) -> Value {
    json!({ "and_ids": { "ids": ids } })
}

fn not(id: Value) -> Value {
    json!({ "not_id": id })
}
