//! The stops of the tour, as data.

use crate::demo::issuer::Wanted;

/// One stop: a request, and what is promised of it.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) title: &'static str,
    pub(super) why: &'static str,
    /// The token it carries, if any.
    pub(super) token: Option<Wanted>,
    pub(super) method: &'static str,
    pub(super) target: &'static str,
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) body: &'static str,
    pub(super) status: u16,
    pub(super) reason: &'static str,
    /// The request line the upstream must see; none where nothing may reach it.
    pub(super) reaches: Option<&'static str>,
    /// Whether the user's own token goes on to the upstream (`credentials: keep`).
    pub(super) keeps_token: bool,
}

impl Stop {
    fn new(
        title: &'static str,
        why: &'static str,
        token: impl Into<Option<Wanted>>,
        (method, target): (&'static str, &'static str),
        (status, reason): (u16, &'static str),
    ) -> Self {
        Self {
            title,
            why,
            token: token.into(),
            method,
            target,
            headers: &[],
            body: "",
            status,
            reason,
            reaches: None,
            keeps_token: false,
        }
    }

    fn reaches(self, line: &'static str) -> Self {
        Self { reaches: Some(line), ..self }
    }

    fn keeps_token(self) -> Self {
        Self { keeps_token: true, ..self }
    }

    fn with(self, headers: &'static [(&'static str, &'static str)], body: &'static str) -> Self {
        Self { headers, body, ..self }
    }
}

/// The agent that acts for a user.
fn assistant_for(user: &str) -> Wanted {
    Wanted::new(user, "support-assistant")
}

/// Every stop, in the order the story is told.
pub(super) fn all() -> Vec<Stop> {
    let mut all = for_a_user();
    all.extend(alone());
    all.extend(not_who_they_say());
    all.extend(two_readings());
    all
}

/// An agent that acts for a user: what the user may do, and no more.
fn for_a_user() -> Vec<Stop> {
    vec![
        Stop::new(
            "its user's record",
            "alice owns document 1, and the agent may read for her",
            assistant_for("alice"),
            ("GET", "/v1/documents/1"),
            (200, "allowed-by-rule"),
        )
        .reaches("GET /v1/documents/1"),
        Stop::new(
            "another user's record",
            "document 2 is bob's: the agent may no more than its user",
            assistant_for("alice"),
            ("GET", "/v1/documents/2"),
            (403, "not-allowed"),
        ),
        Stop::new(
            "the same record, for its owner",
            "the same agent, but now it acts for bob",
            assistant_for("bob"),
            ("GET", "/v1/documents/2"),
            (200, "allowed-by-rule"),
        )
        .reaches("GET /v1/documents/2"),
        Stop::new(
            "a record that is not there",
            "answered as the one that is not hers, so that nobody can tell",
            assistant_for("alice"),
            ("GET", "/v1/documents/99"),
            (403, "not-allowed"),
        ),
        Stop::new(
            "a ticket",
            "the tickets service gets the user's own token and checks it again",
            assistant_for("alice"),
            ("GET", "/v1/tickets/7"),
            (200, "allowed-by-rule"),
        )
        .reaches("GET /v1/tickets/7")
        .keeps_token(),
        Stop::new(
            "a ticket, for a user who may read none",
            "carol is of group legal, which reads documents only, whatever the agent may",
            assistant_for("carol"),
            ("GET", "/v1/tickets/7"),
            (403, "beyond-ceiling"),
        ),
        Stop::new(
            "a write",
            "a person has to say yes: the answer carries what to approve, and its digest",
            assistant_for("alice"),
            ("PUT", "/v1/tickets/7"),
            (403, "approval-required"),
        )
        .with(&[("content-type", "application/json")], r#"{"text":"The invoice is right"}"#),
        Stop::new(
            "a delete",
            "the token says it may, the agent's ceiling does not",
            assistant_for("alice"),
            ("DELETE", "/v1/tickets/7"),
            (403, "beyond-ceiling"),
        ),
    ]
}

/// A background agent, which has no user.
fn alone() -> Vec<Stop> {
    let indexer = || Wanted::new("nightly-indexer", "nightly-indexer");
    vec![
        Stop::new(
            "a background agent reads",
            "it works without a user, within its own ceiling",
            indexer(),
            ("GET", "/v1/documents/2"),
            (200, "allowed-by-rule"),
        )
        .reaches("GET /v1/documents/2"),
        Stop::new(
            "a background agent deletes",
            "its token says delete:document; no:delete always subtracts",
            indexer(),
            ("DELETE", "/v1/documents/2"),
            (403, "beyond-ceiling"),
        ),
    ]
}

/// Tokens that prove too little.
fn not_who_they_say() -> Vec<Stop> {
    let read = ("GET", "/v1/documents/1");
    vec![
        Stop::new(
            "a user's own token, replayed",
            "alice's token of her web portal, in the hands of an agent nobody listed",
            Wanted::new("alice", "web-portal"),
            read,
            (403, "unknown-actor"),
        ),
        Stop::new(
            "a forged token",
            "signed by somebody else under the issuer's name",
            Wanted { forged: true, ..assistant_for("alice") },
            read,
            (401, "bad-signature"),
        ),
        Stop::new(
            "an expired token",
            "it ended ten minutes ago",
            Wanted { age: 1200, ..assistant_for("alice") },
            read,
            (401, "expired"),
        ),
        Stop::new(
            "a long-lived token",
            "a day is longer than this issuer may grant",
            Wanted { lifetime: 86_400, ..assistant_for("alice") },
            read,
            (403, "token-lifetime"),
        ),
        Stop::new(
            "a shared service account",
            "one account for everybody proves no user and is no agent of the policy",
            Wanted::new("backend-service", "backend-service"),
            read,
            (403, "unknown-actor"),
        ),
        Stop::new(
            "the agent's own account, for no user",
            "an agent that acts for users has no rights of its own to share",
            Wanted::new("support-assistant", "support-assistant"),
            read,
            (403, "actor-mode"),
        ),
        Stop::new("no token", "nobody is known", None, read, (401, "no-token")),
        Stop::new(
            "a token signed with ES256",
            "Envoy's own cryptography is asked first; EdDSA is checked in the module",
            Wanted { algorithm: "ES256".to_owned(), ..assistant_for("alice") },
            read,
            (200, "allowed-by-rule"),
        )
        .reaches("GET /v1/documents/1"),
        Stop::new(
            "a token signed with RS256",
            "what most issuers sign with",
            Wanted { algorithm: "RS256".to_owned(), ..assistant_for("alice") },
            read,
            (200, "allowed-by-rule"),
        )
        .reaches("GET /v1/documents/1"),
    ]
}

/// Requests that a gateway and an upstream could read differently.
fn two_readings() -> Vec<Stop> {
    vec![
        Stop::new(
            "another spelling of a path",
            "decided on and forwarded in its one canonical form",
            assistant_for("alice"),
            ("GET", "/v1/%64ocuments/%31"),
            (200, "allowed-by-rule"),
        )
        .reaches("GET /v1/documents/1"),
        Stop::new(
            "a path that two readers read differently",
            "refused, not repaired",
            assistant_for("alice"),
            ("GET", "/v1/documents/2/..%2f1"),
            (400, "malformed-request"),
        ),
        Stop::new(
            "headers that only Ambit may set",
            "removed; the upstream reads who really asks",
            assistant_for("alice"),
            ("GET", "/v1/documents/3"),
            (200, "allowed-by-rule"),
        )
        .with(&[("ambit", "sub=\"root\""), ("X-HTTP-Method-Override", "DELETE")], "")
        .reaches("GET /v1/documents/3"),
    ]
}
