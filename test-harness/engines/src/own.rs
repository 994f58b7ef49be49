//! Ambit: its core, with what it always does beside the rules (the agent, its ceiling, the token's
//! times, audience and scopes).

use crate::{Engine, Question};
use ambit::decision::Effect;
use ambit::identity::{ClaimState, ClientId, Principal, VerifiedToken};
use ambit::policy::Policy;
use ambit::policy::document::Tier;
use ambit::policy::value::Value;
use ambit::request::{
    AccessRequest, Action, AttributeState, Credential, HostAbilities, HttpFacts, Mapped,
};
use ambit::{Span, Timestamp, decide};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Ambit with a policy.
#[derive(Debug)]
pub struct Ambit {
    policy: Policy,
    /// Resources by name, in place of the router that finds them by path in a gateway.
    resources: BTreeMap<String, u32>,
}

/// A request as the host knows it when it asks for a decision.
#[derive(Debug)]
pub struct Prepared {
    token: VerifiedToken,
    mapped: Option<(u32, Action)>,
    id: String,
    attributes: Vec<AttributeState>,
}

impl Ambit {
    /// Loads the policy of so many rules.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(rules: u32) -> Result<Self, String> {
        let loaded = Policy::load("engines", policy(rules).as_bytes());
        let policy = loaded.map_err(|errors| errors.to_string())?.policy;
        let resources = (0..=rules).map(|kind| (Question::type_name(kind), kind)).collect();
        Ok(Self { policy, resources })
    }
}

impl Engine for Ambit {
    type Input = Prepared;

    fn prepare(&self, question: &Question) -> Prepared {
        let scopes = vec!["*:*".to_owned()];
        let (resolved, bad_scope) = self.policy.resolve_scopes(&scopes);
        Prepared {
            token: VerifiedToken {
                sub: Some(question.subject.clone()),
                person: Some(question.subject.clone()),
                principal: Principal::User,
                client_id: ClientId::Agreed("bot".to_owned()),
                scopes: resolved,
                scope_strings: scopes,
                bad_scope,
                claims: vec![ClaimState::Known(Value::String(question.tenant.clone()))],
                audiences: vec!["https://api.example.com".to_owned()],
                issued_at: Some(NOW),
                expires_at: NOW.plus(Span::from_secs(300)),
                ..VerifiedToken::default()
            },
            mapped: self.resources.get(&Question::type_name(question.kind)).copied().zip(
                match question.action.as_str() {
                    "read" => Some(Action::Read),
                    "delete" => Some(Action::Delete),
                    _ => None,
                },
            ),
            id: question.id.clone(),
            attributes: vec![AttributeState::Known(Value::String(question.owner.clone()))],
        }
    }

    fn decide(&self, input: &Prepared) -> bool {
        let request = AccessRequest {
            credential: Credential::Verified(&input.token),
            peer: &[],
            sender_proved: false,
            mapped: input.mapped.map(|(resource, action)| Mapped {
                resource,
                route: 0,
                action,
                id: &input.id,
            }),
            attributes: &input.attributes,
            http: HttpFacts::default(),
            approval: Tier::None,
            grant: None,
            host: HostAbilities::default(),
        };
        decide(&self.policy, &request, NOW).effect == Effect::Allow
    }
}

/// The policy as a gateway gets it. Resources are numbered by their names' order.
fn policy(rules: u32) -> String {
    let mut resources = String::new();
    let mut written = String::new();
    for kind in 0..=rules {
        let name = Question::type_name(kind);
        let comma = if kind == 0 { "" } else { "," };
        let _ = write!(
            resources,
            r#"{comma}"{name}":{{"audience":"https://api.example.com","attributes":{{"tenant":{{"type":"string","from":{{"lookup":{{"cluster":"index","path":"/{name}/{{id}}","pointer":"/tenant"}}}}}}}},"http":[{{"path":"/v1/{name}/{{id}}"}}]}}"#
        );
        if kind < rules {
            let _ = write!(
                written,
                r#"{comma}{{"id":"{name}","effect":"allow","actions":["read"],"resources":["{name}"],"when":"resource.tenant == subject.tenant"}}"#
            );
        }
    }
    format!(
        r#"{{"apiVersion":"ambit/v1","name":"engines","identity":{{"issuers":[{{"issuer":"https://idp.example.com","jwks":{{"inline":{{"keys":[]}}}},"claims":{{"tenant":{{"from":"tid","type":"string"}}}}}}]}},"actors":{{"bot":{{"match":{{"client_id":"bot"}},"scopes":["*:*"]}}}},"resources":{{{resources}}},"rules":[{written}]}}"#
    )
}
