//! What the upstream gets: the bytes that were decided on, and nothing a client forged.

use super::{Edits, Enforcement, Reply, metadata, reply, written};
use crate::audit::header;
use crate::decision::{Decision, Obligation, Reason, ReasonKind};
use crate::policy::document::Credentials;
use std::borrow::Cow;

/// The header in which Ambit tells the upstream who is asking for what.
const AMBIT: &str = "ambit";

/// What may accompany a request that a person approves, beside what its digest binds: nothing
/// that changes what the request does.
const BESIDE_APPROVAL: [&str; 14] = [
    "accept",
    "authorization",
    "content-length",
    "content-type",
    "dpop",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "transfer-encoding",
    "traceparent",
    "tracestate",
    "x-request-id",
    "x-forwarded-for",
    "x-forwarded-proto",
];

impl Enforcement {
    /// The edits of an allowed request.
    pub(super) fn edits(&self, decision: &Decision) -> Edits {
        let policy = &self.engine.policy;
        let resource =
            self.mapped.as_ref().and_then(|mapped| policy.resources.get(mapped.resource as usize));
        let mut edits = self.shadow_edits();
        // Ways to ask for another method or path than was decided on.
        edits.remove.extend(self.asked.overrides.iter().cloned().map(Cow::Owned));
        let keep = resource.is_some_and(|resource| resource.credentials == Credentials::Keep);
        if !keep {
            edits.remove.extend(self.asked.credentials.iter().map(Cow::Borrowed));
        }
        if decision.approval.is_some() {
            let bound = resource.map_or(&[][..], |resource| &resource.headers);
            let passes = |name: &str| {
                name.starts_with(':')
                    || BESIDE_APPROVAL.contains(&name)
                    || bound.iter().any(|listed| listed == name)
            };
            let others = self.asked.names.iter().filter(|name| !passes(name));
            edits.remove.extend(others.map(|name| Cow::Owned(name.into_owned())));
        }
        if self.asked.path_changed {
            edits.set.push((Cow::Borrowed(":path"), self.asked.target()));
        }
        edits.set.push((Cow::Borrowed(AMBIT), self.told(decision)));
        edits.remove.sort_unstable();
        edits.remove.dedup();
        edits
    }

    /// What is removed in every mode: names that only Ambit may set.
    pub(super) fn shadow_edits(&self) -> Edits {
        let forged = self.asked.forged.iter().cloned().map(Cow::Owned);
        let remove = forged.chain(self.asked.consumed.iter().map(Cow::Borrowed)).collect();
        Edits { remove, set: Vec::new(), drop_ambit_trailers: true }
    }

    /// The `ambit` header.
    fn told(&self, decision: &Decision) -> String {
        let policy = &self.engine.policy;
        let several = policy.issuers.len() > 1;
        let tagged = decision.obligations.contains(&Obligation::Tag);
        let mapped = self.mapped.as_ref();
        let resource = mapped.and_then(|mapped| policy.resources.get(mapped.resource as usize));
        self.with_actors(|who, actors| {
            header::write(&header::Told {
                record: &self.ids.record,
                subject: who.map(|who| {
                    let realm = if several { who.subject_realm() } else { "" };
                    (realm, who.subject_id())
                }),
                actors,
                action: mapped.map_or("", |mapped| mapped.action.name()),
                resource: resource.map_or("", |resource| resource.id.as_str()),
                resource_id: mapped.map_or("", |mapped| mapped.id.as_str()),
                policy: &policy.in_headers,
                approval: self.approval.as_ref().filter(|_| tagged).map(written::Approval::tag),
            })
        })
    }

    /// The answer to a denied request.
    pub(super) fn refusal(&self, decision: &Decision) -> Reply {
        let policy = &self.engine.policy;
        let resource =
            self.mapped.as_ref().and_then(|mapped| policy.resources.get(mapped.resource as usize));
        let challenged = decision.reason.kind() == ReasonKind::Unauthenticated
            || decision.reason == Reason::InsufficientScope;
        let metadata = resource.filter(|_| challenged).and_then(metadata::url);
        let origin = self.asked.origin.as_deref().filter(|origin| {
            resource.is_some_and(|resource| resource.cors_origins.iter().any(|one| one == origin))
        });
        let asks = decision.reason == Reason::ApprovalRequired;
        reply::refusal(
            decision,
            reply::Told {
                record: &self.ids.record,
                metadata: metadata.as_deref(),
                schemes: self.schemes(decision.reason),
                nonce: self.nonce(decision.reason),
                approval: self.approval.as_ref().filter(|_| asks).map(written::Approval::told),
                origin,
            },
        )
    }
}
