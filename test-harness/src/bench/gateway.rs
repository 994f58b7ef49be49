//! One Envoy with a listener for each run: the same route, answer and access log behind different
//! filters.

use super::runs::{AUDIENCE, Filters, ISSUER, RUNS, Run, policy};
use super::tokens::Pool;
use serde_json::{Value, json};
use std::path::Path;

/// The first run's port; the others follow.
pub(super) const FIRST: u16 = 13_500;
/// Envoy's administration.
pub(super) const ADMIN: u16 = 13_499;

/// Envoy's configuration.
///
/// # Errors
/// A policy does not load.
pub(super) fn configuration(root: &Path, noop: &Path, pool: &Pool) -> Result<Value, String> {
    let listeners = (FIRST..)
        .zip(&RUNS)
        .map(|(port, run)| listener(port, run, &filters(root, noop, run, pool)?))
        .collect::<Result<Vec<_>, String>>()?;
    Ok(json!({
        "admin": { "address": address(ADMIN) },
        "static_resources": { "listeners": listeners },
    }))
}

fn filters(root: &Path, noop: &Path, run: &Run, pool: &Pool) -> Result<Vec<Value>, String> {
    Ok(match run.filters {
        Filters::None => Vec::new(),
        Filters::Noop => vec![wasm("noop", noop, "")],
        Filters::Native { cached } => vec![jwt_authn(pool.jwks(), cached), rbac()],
        Filters::Ambit { rules } => {
            let policy = policy(rules, pool.jwks())?;
            vec![wasm("ambit", &root.join("dist/ambit.wasm"), &policy)]
        }
    })
}

fn jwt_authn(jwks: &Value, cached: bool) -> Value {
    let mut provider = json!({
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        // The upstream checks the user's own token again, behind either filter.
        "forward": true,
        "local_jwks": { "inline_string": jwks.to_string() },
        "payload_in_metadata": "claims",
    });
    if let (true, Some(members)) = (cached, provider.as_object_mut()) {
        members.insert("jwt_cache_config".to_owned(), json!({ "jwt_cache_size": 1_000 }));
    }
    filter(
        "jwt_authn",
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        json!({
            "providers": { "idp": provider },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "idp" } }],
        }),
    )
}

/// The scope, the agent and the condition of the first policy.
fn rbac() -> Value {
    let claim = |name: &str, matcher: Value| {
        json!({ "metadata": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{ "key": "claims" }, { "key": name }],
            "value": { "string_match": matcher },
        } })
    };
    filter(
        "rbac",
        "envoy.extensions.filters.http.rbac.v3.RBAC",
        json!({ "rules": {
        "action": "ALLOW",
        "policies": { "same-tenant": {
            "permissions": [{ "and_rules": { "rules": [
                { "header": { "name": ":method", "string_match": { "exact": "GET" } } },
                { "url_path": { "path": { "prefix": "/v1/documents/" } } },
            ] } }],
            "principals": [{ "and_ids": { "ids": [
                claim("scope", json!({ "contains": "read:document" })),
                claim("client_id", json!({ "exact": "assistant" })),
                claim("tid", json!({ "exact": "acme" })),
            ] } }],
        } },
    } }),
    )
}

fn wasm(name: &str, module: &Path, configuration: &str) -> Value {
    filter(
        name,
        "envoy.extensions.filters.http.wasm.v3.Wasm",
        json!({ "config": {
        "name": name,
        "root_id": name,
        "failure_policy": "FAIL_CLOSED",
        "allow_on_headers_stop_iteration": true,
        "vm_config": {
            "vm_id": name,
            "runtime": "envoy.wasm.runtime.v8",
            "code": { "local": { "filename": module } },
        },
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": configuration,
        },
    } }),
    )
}

fn filter(name: &str, kind: &str, mut settings: Value) -> Value {
    if let Some(members) = settings.as_object_mut() {
        members.insert("@type".to_owned(), json!(format!("type.googleapis.com/{kind}")));
    }
    json!({ "name": name, "typed_config": settings })
}

fn listener(port: u16, run: &Run, before: &[Value]) -> Result<Value, String> {
    let log = filter(
        "log",
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        json!({
            // What is written costs the same everywhere; the disk is not what is measured.
            "path": "/dev/null",
            "log_format": { "json_format": {
                "time": "%START_TIME%",
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "flags": "%RESPONSE_FLAGS%",
                "ambit": "%FILTER_STATE(wasm.ambit_record:PLAIN)%",
            } },
        }),
    );
    let router = filter("router", "envoy.extensions.filters.http.router.v3.Router", json!({}));
    let http_filters: Vec<Value> = before.iter().cloned().chain([router]).collect();
    let kind = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let manager = filter(
        "manager",
        kind,
        json!({
            "stat_prefix": run.name,
            "use_remote_address": true,
            "access_log": [log],
            "route_config": { "virtual_hosts": [{
                "name": "answer",
                "domains": ["*"],
                "routes": [{
                    "match": { "prefix": "/" },
                    "direct_response": { "status": 200, "body": { "inline_string": "ok" } },
                }],
            }] },
            "http_filters": http_filters,
        }),
    );
    Ok(json!({
        "name": run.name,
        "address": address(port),
        "filter_chains": [{ "filters": [manager] }],
    }))
}

fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}
