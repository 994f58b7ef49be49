//! What there is where a request met nothing.

use ambit::decision::Reason;
use ambit::policy::document::Document;
use ambit::trace::Trace;

/// What the policy has where the request met nothing of it: its paths, or its agents.
pub(super) fn instead(document: &Document, trace: &Trace) -> Vec<String> {
    match trace.decision.reason {
        Reason::UnmappedRequest => document
            .resources
            .iter()
            .flat_map(|(id, resource)| resource.http.iter().map(move |route| (id, resource, route)))
            .map(|(id, resource, route)| {
                let host =
                    route.host.as_deref().or(resource.audience.as_deref()).unwrap_or_default();
                let methods = route.methods.as_ref().map_or_else(
                    || "GET, HEAD, POST, PUT, PATCH, DELETE".to_owned(),
                    |methods| methods.keys().cloned().collect::<Vec<_>>().join(", "),
                );
                format!("`{id}` is {host}{} ({methods})", route.path)
            })
            .collect(),
        Reason::UnknownActor => document
            .actors
            .iter()
            .map(|(id, actor)| {
                let names = [&actor.matches.client_id, &actor.matches.sub, &actor.matches.spiffe];
                let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
                format!("`{id}` goes by {}", names.join(", "))
            })
            .collect(),
        _ => Vec::new(),
    }
}
