//! What is written about a request: the approval request, and the record.

use super::{Enforcement, Outcome};
use crate::approval::digest::HttpRequest;
use crate::approval::request::ApprovalRequest;
use crate::audit::record::Record;
use crate::decision::{Decision, Effect, Reason};
use crate::identity::ClientId;
use crate::policy::document::{AuditLevel, Mode, Tier};
use crate::time::{Span, Timestamp};
use serde_json::{Map, Value};

/// The approval a request needs.
#[derive(Debug)]
pub(super) struct Approval {
    id: String,
    digest: String,
    tier: Tier,
    /// R, signed; absent without a signing key.
    request: Option<String>,
    url: Option<String>,
    expires: Timestamp,
}

impl Approval {
    /// Names this exact request, and asks for the yes it needs.
    pub(super) fn of(
        enforcement: &Enforcement,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<Self, Reason> {
        let need = decision.approval.ok_or(Reason::HostFailure)?;
        let (engine, asked) = (&enforcement.engine, &enforcement.asked);
        let policy = &engine.policy;
        let mapped = enforcement.mapped.as_ref().ok_or(Reason::HostFailure)?;
        let resource = policy.resources.get(mapped.resource as usize).ok_or(Reason::HostFailure)?;
        // A value that is no text has no place in what a person is shown.
        let headers = asked
            .bound
            .iter()
            .filter(|(name, _)| resource.headers.contains(name))
            .map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect::<Option<Vec<_>>>()
            .ok_or(Reason::MalformedRequest)?;
        let digest = HttpRequest {
            audience: &resource.audience,
            host: &asked.host,
            method: &asked.method,
            path: &asked.path,
            query: asked.query.as_deref(),
            content_type: asked.content_type.as_deref(),
            if_match: asked.if_match.as_deref(),
            if_none_match: asked.if_none_match.as_deref(),
            if_unmodified_since: asked.if_unmodified_since.as_deref(),
            headers: &headers,
            body: &enforcement.body.bytes,
        }
        .digest();
        let id = enforcement.ids.record.clone();
        let expires = now.plus(Span::from_secs(need.approve_within_secs));
        let request = engine.signing_key().and_then(|key| {
            enforcement.with_actors(|who, actors| {
                let who = who?;
                ApprovalRequest {
                    id: &id,
                    gateway: (&policy.name, &enforcement.ids.boot),
                    subject: (who.subject_realm(), who.subject_id()),
                    actors,
                    action: mapped.action.name(),
                    resource: (&resource.id, &mapped.id),
                    digest: &digest,
                    policy: &policy.hash,
                    tier: need.tier.name(),
                    times: (now.secs(), expires.secs()),
                    use_within: need.use_within_secs,
                }
                .sign(key)
                .into()
            })
        });
        let url = policy.approvals.desk_url.as_ref().filter(|_| request.is_some());
        let url = url.map(|desk| format!("{}/approve/{id}", desk.trim_end_matches('/')));
        Ok(Self { id, digest, tier: need.tier, request, url, expires })
    }

    /// For the `ambit` header: id, digest, R.
    pub(super) fn tag(&self) -> (&str, &str, &str) {
        (&self.id, &self.digest, self.request.as_deref().unwrap_or_default())
    }

    /// For the refusal.
    pub(super) fn told(&self) -> Map<String, Value> {
        let mut told = Map::new();
        told.insert("id".to_owned(), self.id.as_str().into());
        told.insert("digest".to_owned(), self.digest.as_str().into());
        told.insert("tier".to_owned(), self.tier.name().into());
        if let Some(request) = &self.request {
            told.insert("request".to_owned(), request.as_str().into());
        }
        if let Some(url) = &self.url {
            told.insert("url".to_owned(), url.as_str().into());
        }
        told.insert("expires".to_owned(), self.expires.secs().into());
        told
    }
}

impl Enforcement {
    /// The request's record, once it is over: one line of compact JSON. A request that never got
    /// so far as a decision is recorded as the deny it was.
    #[must_use]
    pub fn record(&self, outcome: Outcome) -> String {
        let policy = &self.engine.policy;
        let undecided = Decision::deny(Reason::HostFailure);
        let decision = self.decision.as_ref().unwrap_or(&undecided);
        let rules: Vec<&str> =
            decision.rules.iter().filter_map(|rule| policy.rule_id(*rule)).collect();
        let mapped = self.mapped.as_ref();
        let resource = mapped.and_then(|mapped| policy.resources.get(mapped.resource as usize));
        let token = self.who.verified.as_deref();
        let issuer = token.and_then(|token| policy.issuers.get(token.issuer as usize));
        let client = match token.map(|token| &token.client_id) {
            Some(ClientId::Agreed(id)) => id.as_str(),
            Some(ClientId::Conflict | ClientId::Missing) | None => "",
        };
        // A verified token names its person also where its actor is refused.
        let person = issuer.zip(token.and_then(|token| token.person.as_deref()));
        let person = person.map(|(issuer, person)| (issuer.realm.as_str(), person));
        let told = self.engine.records_outcome();
        self.with_actors(|who, actors| {
            Record {
                id: &self.ids.record,
                time: self.began.millis(),
                effect: match decision.effect {
                    Effect::Allow => "allow",
                    Effect::Deny => "deny",
                },
                reason: decision.reason.code(),
                rules: &rules,
                policy: &policy.in_records,
                shadow: policy.mode == Mode::Shadow,
                subject: who.map(|who| (who.subject_realm(), who.subject_id())).or(person),
                actors,
                client,
                issuer: issuer.map_or("", |issuer| issuer.issuer.as_str()),
                token: token.map_or("", |token| token.jti_digest.as_str()),
                action: mapped.map_or("", |mapped| mapped.action.name()),
                resource: resource.map_or("", |resource| resource.id.as_str()),
                resource_id: mapped.map_or("", |mapped| mapped.id.as_str()),
                http: (&self.asked.method, &self.asked.host, &self.asked.path),
                query: self
                    .asked
                    .query
                    .as_deref()
                    .filter(|_| policy.audit.level == AuditLevel::Request),
                approval: self
                    .approval
                    .as_ref()
                    .map(|approval| (&*approval.id, &*approval.digest, approval.tier.name())),
                status: if told { Some(outcome.status) } else { self.replied },
                bytes: outcome.response_bytes,
                duration: told.then_some(outcome.duration_ms),
                forwarded: self.passed && !outcome.held_back,
            }
            .line()
        })
    }
}
