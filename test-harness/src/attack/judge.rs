//! Whether an attack got through: by what the upstream received, never by a status.

use super::readings;
use super::upstream::Received;
use super::world;

/// Headers that upstreams believe, because a gateway or a server in front sets them. Names with
/// `_` count as those with `-`, for many servers read them so.
const BELIEVED: [&str; 41] = [
    "client-ip",
    "cf-connecting-ip",
    "front-end-https",
    "forwarded",
    "proxy-host",
    "remote-user",
    "true-client-ip",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-user",
    "x-authenticated-user",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-consumer-id",
    "x-consumer-username",
    "x-envoy-original-path",
    "x-forwarded-client-cert",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-prefix",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-forwarded-user",
    "x-goog-authenticated-user-email",
    "x-host",
    "x-http-method-override",
    "x-method-override",
    "x-ms-client-principal-name",
    "x-original-host",
    "x-original-method",
    "x-original-url",
    "x-real-ip",
    "x-remote-user",
    "x-rewrite-url",
    "x-user",
    "x-user-id",
    "x-webauth-user",
];

/// The caller's own credentials: they end at the gateway.
const CREDENTIALS: [&str; 4] = ["authorization", "cookie", "dpop", "proxy-authorization"];

/// What a forged value holds.
const FORGED: &str = "forged";

/// Who asked, and what it may.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    /// The caller's name.
    pub(super) caller: String,
    /// `METHOD /path` each.
    pub(super) rights: Vec<String>,
}

/// What is wrong with a request that the upstream received from this caller; `None` where it is one
/// that the caller may make. `identity` is the header in which the gateway says who asks.
pub(super) fn wrong(asker: &Asker, request: &Received, identity: &str) -> Option<String> {
    let shown = format!("{} {}", request.method, request.target);
    if asker.caller == "nobody" {
        return Some(format!("the upstream saw {shown}"));
    }
    let (methods, places) = readings::of(request);
    for method in &methods {
        for (host, path) in &places {
            if host != world::HOST || !may(&asker.rights, method, path) {
                return Some(format!("{shown} is served as {method} {host}{path}"));
            }
        }
    }
    if request.requests_in_body() {
        return Some(format!("{shown} carries a request in its body's framing"));
    }
    forged(request, identity).or_else(|| impersonated(asker, request, identity))
}

fn may(rights: &[String], method: &str, path: &str) -> bool {
    rights.iter().any(|right| {
        right.split_once(' ').is_some_and(|(allowed, pattern)| {
            allowed == method
                && pattern.split('/').count() == path.split('/').count()
                && pattern
                    .split('/')
                    .zip(path.split('/'))
                    .all(|(pattern, part)| (pattern == "*" && !part.is_empty()) || pattern == part)
        })
    })
}

fn forged(request: &Received, identity: &str) -> Option<String> {
    // Where the upstream is the token's audience it gets the caller's credentials.
    let mirrored = request.target.starts_with("/v1/notes");
    let names = request.headers.iter().chain(&request.trailers);
    names.into_iter().find_map(|(name, value)| {
        let plain = name.replace('_', "-");
        let believed = BELIEVED.contains(&plain.as_str())
            || plain.starts_with("ambit")
            || plain.starts_with("x-envoy-")
            || plain == identity
            || (!mirrored && CREDENTIALS.contains(&plain.as_str()));
        let forged = String::from_utf8_lossy(value).to_ascii_lowercase().contains(FORGED);
        (believed && forged).then(|| format!("the upstream believes the forged `{name}`"))
    })
}

/// The gateway must tell the upstream who asks, once, and rightly.
fn impersonated(asker: &Asker, request: &Received, identity: &str) -> Option<String> {
    let told = request.all(identity);
    let subject = world::subject(&asker.caller);
    let expected = match identity {
        "ambit" => format!("sub=\"{subject}\""),
        _ => subject.to_owned(),
    };
    match told.as_slice() {
        [one] if *one == expected || one.contains(&expected) => None,
        other => Some(format!("the upstream was told {other:?} of a request by {subject}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(target: &str, headers: &[(&str, &str)]) -> Received {
        let mut all = vec![
            ("host".to_owned(), world::HOST.as_bytes().to_vec()),
            ("ambit".to_owned(), b"id=\"1\", sub=\"alice\"".to_vec()),
        ];
        all.extend(headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())));
        Received {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: all,
            ..Received::default()
        }
    }

    #[test]
    fn what_a_caller_may_do_is_no_attack_and_everything_else_is() {
        let alice = Asker { caller: "alice".to_owned(), rights: world::rights("alice") };
        let judged = |target: &str, headers: &[(&str, &str)]| {
            wrong(&alice, &received(target, headers), "ambit")
        };
        assert_eq!(judged("/v1/users/alice/files/1?x=1", &[]), None);
        assert_eq!(judged("/v1/notes/a", &[("authorization", "forged")]), None);
        for (target, headers) in [
            ("/v1/users/bob/files/1", &[][..]),
            ("/v1/users/alice/files/..%2f..%2fbob/files/1", &[]),
            ("/v1/users/alice/files/1?_method=DELETE", &[]),
            ("/v1/users/alice/files/1", &[("x-http-method-override", "DELETE")]),
            ("/v1/users/alice/files/1", &[("x_original_url", "/forged")]),
            ("/v1/users/alice/files/1", &[("cookie", "forged")]),
            ("/v1/users/alice/files/1", &[("ambit", "sub=\"alice\"")]),
            ("/v1/users/alice/files/1", &[("x-forwarded-host", "billing.example.com")]),
        ] {
            assert!(judged(target, headers).is_some(), "{target} {headers:?}");
        }
        let nobody = Asker { caller: "nobody".to_owned(), rights: Vec::new() };
        assert!(wrong(&nobody, &received("/v1/notes/a", &[]), "ambit").is_some());
    }
}
