//! What everybody may have without a token, and that nothing else is answered.

use super::host::{ISSUER, OTHER_ISSUER, Seen, World, policy};
use serde_json::json;

const APP: &str = "https://app.example.com";

#[track_caller]
fn public(seen: &Seen, status: u16) {
    let reply = seen.reply.as_ref().unwrap();
    assert_eq!((reply.status, &*reply.details), (status, "ambit_allowed_public"));
    assert!(seen.upstream.is_none() && seen.signatures == 0);
    assert_eq!(seen.record["reason"], "allowed-public");
    assert_eq!(seen.record["effect"], "allow");
    assert_eq!(seen.record["outcome"]["forwarded"], false);
    assert!(seen.record.get("subject").is_none());
}

#[test]
fn the_metadata_says_who_issues_tokens_and_which_scopes_there_are() {
    let seen = World::new().bare("GET", "/.well-known/oauth-protected-resource").send();
    public(&seen, 200);
    assert_eq!(seen.reply_header("content-type"), Some("application/json"));
    let document = seen.problem();
    assert_eq!(document["resource"], "https://api.example.com");
    assert_eq!(document["authorization_servers"], json!([ISSUER, OTHER_ISSUER]));
    assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], json!(true));
    assert_eq!(document["dpop_bound_access_tokens_required"], json!(false));
    let algorithms = json!(["EdDSA", "ES256", "ES384", "PS256", "RS256"]);
    assert_eq!(document["dpop_signing_alg_values_supported"], algorithms);
    assert!(document.get("resource_name").is_none(), "nothing has a title");
    let scopes = document["scopes_supported"].as_array().unwrap();
    for scope in ["read:ticket", "write:note", "read:document", "write:payment"] {
        assert!(scopes.contains(&json!(scope)), "{scope}: {document}");
    }
    for scope in ["write:ticket", "admin:ticket", "read:payment"] {
        assert!(!scopes.contains(&json!(scope)), "{scope}: {document}");
    }
    for secret in ["own-letters", "small", "alice", "cluster", "index"] {
        assert!(!seen.text().contains(secret), "{secret}");
    }
}

#[test]
fn the_metadata_names_the_resources_as_they_are_titled() {
    let text = policy("").replacen("  ticket:\n", "  ticket:\n    title: Tickets\n", 1).replacen(
        "  note:\n",
        "  note:\n    title: Notes\n",
        1,
    );
    let seen = World::of(&text).bare("GET", "/.well-known/oauth-protected-resource").send();
    public(&seen, 200);
    assert_eq!(seen.problem()["resource_name"], "Notes, Tickets");
}

#[test]
fn metadata_of_an_audience_with_a_path_stands_where_rfc_9728_puts_it() {
    let text = policy("").replacen(
        "  ticket:\n    audience: https://api.example.com\n",
        "  ticket:\n    audience: https://api.example.com/tickets\n",
        1,
    );
    let world = World::of(&text);
    let seen = world.bare("GET", "/.well-known/oauth-protected-resource/tickets").send();
    public(&seen, 200);
    assert_eq!(seen.problem()["resource"], "https://api.example.com/tickets");
    let refused = world.bare("GET", "/v1/tickets/7").send();
    let challenge = refused.reply_header("www-authenticate").unwrap();
    assert!(challenge.contains("/.well-known/oauth-protected-resource/tickets\""), "{challenge}");
    let other = world.bare("GET", "/.well-known/oauth-protected-resource/other").send();
    other.refused(401, "no-token");
}

#[test]
fn the_gateways_public_key_is_served_and_not_its_seed() {
    let world = World::with("approvals: { signing_key: { env: KEY } }");
    let seen = world.bare("GET", "/.well-known/ambit/jwks").send();
    public(&seen, 200);
    let key = seen.problem()["keys"][0].clone();
    assert_eq!(
        (&key["kty"], &key["kid"], &key["alg"]),
        (&"OKP".into(), &"ambit".into(), &"EdDSA".into())
    );
    assert!(key.get("d").is_none());
    let none = World::new().bare("GET", "/.well-known/ambit/jwks").send();
    public(&none, 200);
    assert_eq!(none.problem(), json!({"keys": []}));
}

#[test]
fn a_preflight_is_answered_where_the_resource_allows_the_origin() {
    let seen = World::new()
        .bare("OPTIONS", "/v1/tickets/7")
        .header("origin", APP)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization")
        .send();
    public(&seen, 204);
    assert_eq!(seen.reply_header("access-control-allow-origin"), Some(APP));
    assert_eq!(seen.reply_header("access-control-allow-methods"), Some("GET"));
    assert_eq!(seen.reply_header("vary"), Some("Origin"));
    assert!(seen.reply_header("access-control-allow-credentials").is_none());
    assert!(seen.reply.unwrap().body.is_empty());
}

#[test]
fn a_preflight_that_no_resource_allows_is_a_request_without_a_token() {
    let world = World::new();
    for (path, origin, method) in [
        ("/v1/tickets/7", Some("https://evil.example"), Some("GET")),
        ("/v1/tickets/7", Some("https://app.example.com.evil.example"), Some("GET")),
        ("/v1/tickets/7", Some("https://APP.example.com"), Some("GET")),
        ("/v1/tickets/7", Some("null"), Some("GET")),
        ("/v1/tickets/7", Some("*"), Some("GET")),
        ("/v1/tickets/7", Some(""), Some("GET")),
        ("/v1/tickets/7", None, Some("GET")),
        ("/v1/tickets/7", Some(APP), None),
        ("/v1/tickets/7", Some(APP), Some("get")),
        ("/v1/tickets/7", Some(APP), Some("PROPFIND")),
        ("/v1/notes/7", Some(APP), Some("GET")),
        ("/v1/nothing", Some(APP), Some("GET")),
        ("*", Some(APP), Some("GET")),
    ] {
        let mut ask = world.bare("OPTIONS", path);
        if let Some(origin) = origin {
            ask = ask.header("origin", origin);
        }
        if let Some(method) = method {
            ask = ask.header("access-control-request-method", method);
        }
        let seen = ask.send();
        match path {
            "*" => seen.refused(400, "malformed-request"),
            _ => seen.refused(401, "no-token"),
        };
        assert!(seen.reply_header("access-control-allow-origin").is_none());
    }
}

#[test]
fn a_page_of_an_allowed_origin_can_read_why_it_was_refused_and_no_other_can() {
    let world = World::new();
    for (path, origin, allowed) in [
        ("/v1/tickets/7", APP, true),
        ("/v1/tickets/7", "https://evil.example", false),
        ("/v1/notes/7", APP, false),
        ("/v1/nothing", APP, false),
    ] {
        let seen = world.bare("GET", path).header("origin", origin).send();
        seen.refused(401, "no-token");
        let told = seen.reply_header("access-control-allow-origin");
        assert_eq!(told, allowed.then_some(APP), "{path} {origin}");
    }
}

#[test]
fn nothing_else_is_answered_without_a_token() {
    let world = World::new();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/health"),
        ("GET", "/.well-known/ambit"),
        ("GET", "/.well-known/ambit/jwks/"),
        ("GET", "/.well-known/ambit/jwks?a"),
        ("HEAD", "/.well-known/ambit/jwks?a"),
        ("HEAD", "/.well-known/oauth-protected-resource/v1"),
        ("POST", "/.well-known/ambit/jwks"),
        ("OPTIONS", "/.well-known/ambit/jwks"),
        ("GET", "/.well-known/oauth-protected-resource/"),
        ("GET", "/.well-known/oauth-protected-resource/v1"),
        ("GET", "/.well-known/oauth-protected-resourcev1"),
        ("GET", "/.well-known/oauth-protected-resource?resource=x"),
        ("POST", "/.well-known/oauth-protected-resource"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/.Well-Known/ambit/jwks"),
        ("OPTIONS", "/v1/tickets/7"),
        ("HEAD", "/v1/tickets/7"),
        ("GET", "/v1/tickets/7"),
    ] {
        let seen = world.bare(method, path).send();
        assert_eq!(seen.problem()["reason"], "no-token", "{method} {path}");
        seen.refused(401, "no-token");
    }
    let elsewhere = world.bare("GET", "/.well-known/oauth-protected-resource");
    elsewhere.instead(":authority", "other.example.com").send().refused(401, "no-token");
}

#[test]
fn each_host_and_port_and_path_has_its_own_metadata_and_tells_of_no_other() {
    let text = policy("")
        .replacen(
            "audience: https://api.example.com\n",
            "audience: https://api.example.com:8443/a/\n",
            1,
        )
        .replacen(
            "audience: https://api.example.com\n",
            "audience: https://other.example.com/\n",
            1,
        );
    let world = World::of(&text);
    let ask = |method: &str, host: &str, path: &str| {
        world.bare(method, path).instead(":authority", host).send()
    };
    let base = "/.well-known/oauth-protected-resource";
    let mut all = Vec::new();
    for (host, path, audience) in [
        ("api.example.com:8443", "/a/", "https://api.example.com:8443/a/"),
        ("API.example.com:8443", "/a/", "https://api.example.com:8443/a/"),
        ("other.example.com", "", "https://other.example.com/"),
        ("other.example.com:443", "", "https://other.example.com/"),
        ("api.example.com", "", "https://api.example.com"),
    ] {
        for method in ["GET", "HEAD"] {
            let seen = ask(method, host, &format!("{base}{path}"));
            public(&seen, 200);
            assert_eq!(seen.problem()["resource"], audience);
            let scopes = seen.problem()["scopes_supported"].clone();
            assert!(!scopes.as_array().unwrap().is_empty());
            all.push((audience, scopes));
        }
    }
    for (one, scopes) in &all {
        for (other, others) in all.iter().filter(|(other, _)| other != one) {
            let mut both = scopes.as_array().unwrap().iter();
            assert!(both.all(|scope| !others.as_array().unwrap().contains(scope)), "{one} {other}");
        }
    }
    for (host, path) in [
        ("api.example.com:8443", "/a"),
        ("api.example.com:8443", ""),
        ("api.example.com", "/a/"),
        ("other.example.com", "/"),
        ("other.example.com:8443", ""),
    ] {
        ask("GET", host, &format!("{base}{path}")).refused(401, "no-token");
    }
}
