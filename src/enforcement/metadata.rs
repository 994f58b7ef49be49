//! What clients may know of the protected resources (RFC 9728), written once when a policy loads.

use crate::identity::dpop;
use crate::policy::Policy;
use crate::policy::compiled::ResourceEntry;
use crate::request::{Action, host};
use serde_json::json;
use std::collections::BTreeMap;

/// RFC 9728 §3.1.
const PATH: &str = "/.well-known/oauth-protected-resource";

/// A document for each audience, by the host and the path that RFC 9728 §3.1 gives it.
#[derive(Debug, Default)]
pub(crate) struct Metadata(BTreeMap<(String, String), Vec<u8>>);

impl Metadata {
    /// Of every resource. Resources of one audience are one protected resource, and its document
    /// tells of no other audience.
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut audiences = BTreeMap::<&str, (Vec<String>, Vec<&str>)>::new();
        for (at, entry) in (0..).zip(&policy.resources) {
            let (scopes, titles) = audiences.entry(&entry.audience).or_default();
            titles.extend(entry.title.as_deref().filter(|title| !titles.contains(title)));
            for action in Action::ALL {
                if !policy.rules_for(at, action).is_empty() {
                    scopes.push(format!("{action}:{}", entry.id));
                }
            }
        }
        let issuers: Vec<&str> =
            policy.issuers.iter().map(|issuer| issuer.issuer.as_str()).collect();
        let mut documents = BTreeMap::new();
        let only_dpop = policy.wants_dpop();
        for (audience, (scopes, titles)) in audiences {
            let (Ok(host), Some((_, path))) = (host::from_audience(audience), place(audience))
            else {
                continue;
            };
            let mut document = json!({
                "resource": audience,
                "authorization_servers": issuers,
                "scopes_supported": scopes,
                "bearer_methods_supported": ["header"],
                "tls_client_certificate_bound_access_tokens": !only_dpop,
                "dpop_bound_access_tokens_required": only_dpop,
                "dpop_signing_alg_values_supported":
                    dpop::ALGORITHMS.map(|algorithm| algorithm.name()),
            });
            if let (false, Some(members)) = (titles.is_empty(), document.as_object_mut()) {
                members.insert("resource_name".to_owned(), titles.join(", ").into());
            }
            let at = (host, format!("{PATH}{path}"));
            documents.entry(at).or_insert_with(|| document.to_string().into_bytes());
        }
        Self(documents)
    }

    /// The document that is asked for.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<&[u8]> {
        // Most requests ask for something else, and need no owned key to find that out.
        path.strip_prefix(PATH)?;
        self.0.get(&(host.to_owned(), path.to_owned())).map(Vec::as_slice)
    }
}

/// Where the metadata of the resource is, for challenges (RFC 9728 §5.1).
pub(super) fn url(resource: &ResourceEntry) -> Option<String> {
    let (origin, path) = place(&resource.audience)?;
    // What ends a quoted string would end the challenge.
    let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    resource.audience.bytes().all(plain).then(|| format!("{origin}{PATH}{path}"))
}

/// Origin and path of an audience. Only a slash right after the host is left out (RFC 9728 §3.1).
/// Audiences with a query or a fragment have no metadata: a request with a query is none for it.
fn place(audience: &str) -> Option<(&str, &str)> {
    let start = audience.find("://")?.checked_add(3)?;
    let rest = audience.get(start..)?;
    if rest.contains(['?', '#']) {
        return None;
    }
    let end = rest.find('/').map_or(audience.len(), |at| start.saturating_add(at));
    let (origin, path) = audience.split_at_checked(end)?;
    Some((origin, if path == "/" { "" } else { path }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_kept_and_only_the_slash_after_the_host_is_not() {
        for (audience, wanted) in [
            ("https://a.example", Some(("https://a.example", ""))),
            ("https://a.example/", Some(("https://a.example", ""))),
            ("https://a.example:8443/", Some(("https://a.example:8443", ""))),
            ("https://a.example/mcp", Some(("https://a.example", "/mcp"))),
            ("https://a.example/mcp/", Some(("https://a.example", "/mcp/"))),
            ("https://a.example/a//b", Some(("https://a.example", "/a//b"))),
            ("https://a.example/mcp?x=1", None),
            ("https://a.example#x", None),
            ("a.example", None),
        ] {
            assert_eq!(place(audience), wanted, "{audience}");
        }
    }
}
