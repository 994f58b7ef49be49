//! Random policies and requests, as plain data that both evaluators read.
//!
//! Names are few and shared on purpose: two issuers use the same ids, agents share names with users,
//! chains name agents of the other issuer, and tokens carry scopes that nearly fit.

use ambit::decision::Reason;
use ambit::identity::{ActMember, ClaimState, ClientId, Confirmation, Principal, VerifiedToken};
use ambit::policy::document::{
    Actor, ActorMatch, ActorMode, ActorSource, ApprovalMode, Approvals, Attribute, AttributeSource,
    Claim, Credentials, Document, Effect, HttpRoute, Identity, Issuer, Lookup, Person, Resource,
    Rule, RuleApproval, SenderConstraint, SubjectEntry, Tier, TokenScopes,
};
use ambit::policy::value::{Source, Value, ValueType};
use ambit::policy::{Loaded, Policy};
use ambit::request::{Action, AttributeState, Grant};
use ambit::{Span, Timestamp};

pub const ISSUERS: [&str; 2] = ["https://a.example", "https://b.example"];
pub const RESOURCES: [&str; 2] = ["doc", "ticket"];
pub const AUDIENCES: [&str; 2] = ["https://api.example/doc", "https://api.example/ticket"];
const NAMES: [&str; 5] = ["bot-1", "bot-2", "alice", "bob", "shared"];
/// What agents are called; one is a user's name too.
const AGENTS: [&str; 5] = ["bot-1", "bot-2", "bot-3", "shared", "alice"];
/// A client id that each agent has to itself.
const OWN: [&str; 3] = ["own-0", "own-1", "own-2"];
pub const GROUPS: [&str; 3] = ["support", "sales", "admins"];
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Why a token does not count, as whoever verified it says.
pub const REFUSALS: [Reason; 22] = [
    Reason::BadProof,
    Reason::ProofNonce,
    Reason::ProofReplayed,
    Reason::ReplayMemoryFull,
    Reason::AlgorithmRefused,
    Reason::BadSignature,
    Reason::BodyTooLarge,
    Reason::ClientConflict,
    Reason::HostFailure,
    Reason::IssuerUnavailable,
    Reason::LookupUnavailable,
    Reason::MalformedRequest,
    Reason::MalformedToken,
    Reason::NoToken,
    Reason::TokenInUrl,
    Reason::UnclearPrincipal,
    Reason::UnknownIssuer,
    Reason::UnknownKey,
    Reason::WrongAudience,
    Reason::WrongTokenType,
    Reason::SenderNotProved,
    Reason::TokenLifetime,
];

/// A small deterministic generator (SplitMix64).
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit as u64) as usize
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn some<T: Clone>(&mut self, from: &[T], percent: usize) -> Vec<T> {
        from.iter().filter(|_| self.chance(percent)).cloned().collect()
    }
}

/// A condition: what it means to the naive evaluator, and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Cond {
    Always,
    OwnerIsSubject,
    TenantIsSubjects,
    InGroup(&'static str),
    ActorIs(&'static str),
    MethodIsGet,
    Before,
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Cond {
    pub fn text(&self) -> String {
        match self {
            Self::Always => "true".to_owned(),
            Self::OwnerIsSubject => "resource.owner == subject.id".to_owned(),
            Self::TenantIsSubjects => "subject.tenant == resource.tenant".to_owned(),
            Self::InGroup(group) => format!("\"{group}\" in subject.groups"),
            Self::ActorIs(id) => format!("actor.id == \"{id}\""),
            Self::MethodIsGet => "request.method == \"GET\"".to_owned(),
            Self::Before => "request.time < timestamp(\"2027-01-15T08:00:01Z\")".to_owned(),
            Self::Not(inner) => format!("!({})", inner.text()),
            Self::And(a, b) => format!("({}) && ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("({}) || ({})", a.text(), b.text()),
        }
    }

    fn random(dice: &mut Dice, depth: usize) -> Self {
        if depth > 0 && dice.chance(35) {
            let a = Box::new(Self::random(dice, depth - 1));
            return match dice.below(3) {
                0 => Self::Not(a),
                1 => Self::And(a, Box::new(Self::random(dice, depth - 1))),
                _ => Self::Or(a, Box::new(Self::random(dice, depth - 1))),
            };
        }
        match dice.below(8) {
            0 | 1 => Self::OwnerIsSubject,
            2 => Self::TenantIsSubjects,
            3 => Self::InGroup(dice.pick(&GROUPS)),
            4 => Self::ActorIs(dice.pick(&["agent-0", "agent-1", "agent-2"])),
            5 => Self::MethodIsGet,
            6 => Self::Before,
            _ => Self::Always,
        }
    }
}

#[derive(Clone, Debug)]
pub struct WorldRule {
    pub effect: Effect,
    pub actions: Vec<Action>,
    pub resources: Vec<&'static str>,
    pub when: Option<Cond>,
    pub approval: Option<Tier>,
}

#[derive(Clone, Debug)]
pub struct WorldActor {
    pub issuer: usize,
    pub mode: ActorMode,
    pub client_ids: Vec<&'static str>,
    pub subs: Vec<&'static str>,
    pub spiffe: Vec<String>,
    pub scopes: Vec<String>,
}

/// What some groups, or everybody, may do: groups, scopes.
pub type Ceiling = (Option<Vec<&'static str>>, Vec<String>);

/// A policy, before it is written as a document.
#[derive(Clone, Debug)]
pub struct World {
    pub sources: Vec<ActorSource>,
    pub realms: [&'static str; 2],
    pub unlimited: [bool; 2],
    pub bound: [bool; 2],
    pub may_name_other: [bool; 2],
    pub subjects: Option<Vec<Ceiling>>,
    pub actors: Vec<WorldActor>,
    pub by_scope: [Vec<Action>; 2],
    pub rules: Vec<WorldRule>,
    pub tag: bool,
}

fn scope(dice: &mut Dice, no_percent: usize) -> String {
    let action = dice.pick(&["read", "read", "write", "delete", "admin", "*"]);
    let target = dice.pick(&["doc", "ticket", "*", "*"]);
    if dice.chance(no_percent) {
        if dice.chance(50) { format!("no:{action}") } else { format!("no:{action}:{target}") }
    } else {
        format!("{action}:{target}")
    }
}

fn scopes(dice: &mut Dice, count: usize, no_percent: usize) -> Vec<String> {
    let mut list: Vec<String> = (0..dice.below(count)).map(|_| scope(dice, no_percent)).collect();
    if dice.chance(85) {
        list.push(dice.pick(&["*:*", "*:*", "*:*", "read:*"]).to_owned());
    }
    list
}

impl World {
    pub fn random(dice: &mut Dice) -> Self {
        let by_scope = std::array::from_fn(|_| {
            [dice.some(&[Action::Read], 65), dice.some(&[Action::Write, Action::Delete], 30)]
                .concat()
        });
        let mut world = Self {
            sources: match dice.below(8) {
                0 => vec![ActorSource::ClientId],
                1 => vec![ActorSource::Act],
                2 => vec![ActorSource::Act, ActorSource::ClientId, ActorSource::Mtls],
                _ => vec![ActorSource::Act, ActorSource::ClientId],
            },
            realms: dice.pick(&[["r", "r"], ["ra", "rb"]]),
            unlimited: [dice.chance(10), dice.chance(10)],
            bound: [dice.chance(2), dice.chance(2)],
            may_name_other: [dice.chance(20), dice.chance(20)],
            subjects: None,
            actors: Vec::new(),
            by_scope,
            rules: Vec::new(),
            tag: dice.chance(15),
        };
        if dice.chance(50) || world.unlimited.contains(&true) {
            let entry = |dice: &mut Dice| {
                let groups = dice.chance(70).then(|| dice.some(&GROUPS, 60));
                (groups, scopes(dice, 2, 10))
            };
            world.subjects = Some((0..=dice.below(3)).map(|_| entry(dice)).collect());
        }
        let mut taken: Vec<(usize, &str)> = Vec::new();
        let count = dice.below(3) + 1;
        for (number, own) in OWN.into_iter().enumerate().take(count) {
            let issuer = dice.below(2);
            let mut names = |dice: &mut Dice, percent| -> Vec<&'static str> {
                let names = dice.some(&AGENTS, percent);
                let free: Vec<_> =
                    names.into_iter().filter(|name| !taken.contains(&(issuer, *name))).collect();
                taken.extend(free.iter().map(|name| (issuer, *name)));
                free
            };
            let (mut client_ids, subs) = (names(dice, 25), names(dice, 15));
            client_ids.push(own);
            world.actors.push(WorldActor {
                issuer,
                mode: dice.pick(&[
                    ActorMode::Delegated,
                    ActorMode::Delegated,
                    ActorMode::Independent,
                ]),
                client_ids,
                subs,
                spiffe: vec![format!("spiffe://x/{number}")],
                scopes: scopes(dice, 3, 5),
            });
        }
        for _ in 0..=dice.below(5) {
            world.add_rule(dice);
        }
        world
    }

    /// Adds a rule that does not allow what `by_scope` allows already (a load error).
    fn add_rule(&mut self, dice: &mut Dice) {
        let effect = if dice.chance(18) { Effect::Deny } else { Effect::Allow };
        let resources = dice.pick(&[vec!["doc"], vec!["ticket"], vec!["doc", "ticket"]]);
        let mut actions = dice.some(&Action::ALL, 50);
        if effect == Effect::Allow {
            actions.retain(|action| {
                !RESOURCES.iter().zip(&self.by_scope).any(|(resource, classes)| {
                    resources.contains(resource) && classes.contains(action)
                })
            });
        }
        if actions.is_empty() {
            return;
        }
        let approval = (effect == Effect::Allow && dice.chance(60))
            .then(|| dice.pick(&[Tier::None, Tier::None, Tier::Presence, Tier::SecondPerson]));
        let when = dice.chance(70).then(|| Cond::random(dice, 2));
        self.rules.push(WorldRule { effect, actions, resources, when, approval });
    }

    /// The world as a policy.
    pub fn load(&self) -> Loaded {
        Policy::from_document(&self.document()).unwrap_or_else(|problems| {
            panic!("the generator made a policy that does not load: {problems:#?}\n{self:#?}")
        })
    }

    pub fn document(&self) -> Document {
        Document {
            api_version: "ambit/v1".to_owned(),
            name: "random".to_owned(),
            identity: Identity {
                actor_from: self.sources.clone(),
                issuers: (0..2).map(|at| self.issuer(at)).collect(),
            },
            subjects: self.subjects.as_ref().map(|entries| {
                let entry = |(groups, scopes): &Ceiling| SubjectEntry {
                    groups: groups.as_ref().map(|list| owned(list)),
                    scopes: scopes.clone(),
                };
                entries.iter().map(entry).collect()
            }),
            actors: self
                .actors
                .iter()
                .enumerate()
                .map(|(at, actor)| {
                    let matches = ActorMatch {
                        issuer: Some(ISSUERS[actor.issuer].to_owned()),
                        client_id: owned(&actor.client_ids),
                        sub: owned(&actor.subs),
                        spiffe: actor.spiffe.clone(),
                        ..ActorMatch::default()
                    };
                    let scopes = actor.scopes.clone();
                    (
                        format!("agent-{at}"),
                        Actor { mode: actor.mode, matches, scopes, owner: None },
                    )
                })
                .collect(),
            resources: (0..2).map(|at| (RESOURCES[at].to_owned(), self.resource(at))).collect(),
            rules: self.rules.iter().enumerate().map(|(at, rule)| rule.written(at)).collect(),
            approvals: Approvals {
                mode: if self.tag { ApprovalMode::Tag } else { ApprovalMode::Hold },
                signing_key: Some("KEY".to_owned()),
                desk: None,
            },
            ..Document::default()
        }
    }

    fn issuer(&self, at: usize) -> Issuer {
        let other = ISSUERS[1 - at].to_owned();
        let claim = |from: &str, value_type| Claim {
            from: vec![from.to_owned()],
            value_type,
            absent: ambit::policy::document::Absent::Unknown,
        };
        Issuer {
            issuer: ISSUERS[at].to_owned(),
            jwks: ambit::policy::document::Jwks::Inline(
                ambit::request::json::parse(br#"{"keys":[]}"#, Default::default()).unwrap(),
            ),
            person: Some(Person {
                realm: Some(self.realms[at].to_owned()),
                id: vec!["sub".to_owned()],
            }),
            max_lifetime: Some(Span::from_secs(900)),
            clock_skew: Some(Span::from_secs(30)),
            claims: [("tenant".to_owned(), claim("tid", ValueType::String))].into(),
            token_scopes: match self.unlimited[at] {
                true => TokenScopes::None,
                false => TokenScopes::Claims,
            },
            may_name_actors_of: if self.may_name_other[at] { vec![other] } else { Vec::new() },
            sender_constraint: match self.bound[at] {
                true => SenderConstraint::Required,
                false => SenderConstraint::Honoured,
            },
            ..Issuer::default()
        }
    }

    fn resource(&self, at: usize) -> Resource {
        let lookup = Lookup {
            cluster: "index".to_owned(),
            host: None,
            path: "/meta/{id}".to_owned(),
            pointer: "/owner".to_owned(),
        };
        Resource {
            audience: Some(AUDIENCES[at].to_owned()),
            by_scope: self.by_scope[at].clone(),
            credentials: Credentials::Keep,
            attributes: [
                (
                    "owner".to_owned(),
                    Attribute {
                        value_type: ValueType::String,
                        from: AttributeSource::Lookup(lookup),
                    },
                ),
                (
                    "tenant".to_owned(),
                    Attribute {
                        value_type: ValueType::String,
                        from: AttributeSource::Response("/tenant".to_owned()),
                    },
                ),
            ]
            .into(),
            http: vec![HttpRoute {
                path: format!("/{}/{{id}}", RESOURCES[at]),
                ..Default::default()
            }],
            understands_approval: true,
            ..Resource::default()
        }
    }
}

impl WorldRule {
    fn written(&self, at: usize) -> Rule {
        Rule {
            id: format!("rule-{at}"),
            effect: self.effect,
            actions: self.actions.clone(),
            resources: owned(&self.resources),
            when: self.when.as_ref().map(Cond::text),
            approval: self.approval.map(|tier| RuleApproval {
                tier,
                approve_within: Span::from_secs(1800),
                use_within: Span::from_secs(300),
                reversible: false,
            }),
        }
    }
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// An attribute of the record as the request knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Known {
    Value(&'static str),
    Pending(Source),
    Unavailable,
    Unknown,
}

/// One request, as plain data.
#[derive(Clone, Debug)]
pub struct Ask {
    pub token: Option<Tok>,
    pub refused: Option<Reason>,
    pub peer: Vec<String>,
    pub sender_proved: bool,
    pub mapped: Option<(usize, Action)>,
    pub owner: Known,
    pub tenant: Known,
    pub method: &'static str,
    pub approval: Tier,
    pub grant: Option<WorldGrant>,
    pub host_tags: bool,
    /// For the naive evaluator: count every pending fact that a condition mentions as worth asking.
    pub lax: bool,
}

#[derive(Clone, Debug)]
pub struct WorldGrant {
    pub scopes: Vec<String>,
    pub may: Vec<String>,
    pub proved: bool,
    pub ends_in: i64,
}

/// A verified token, as plain data.
#[derive(Clone, Debug)]
pub struct Tok {
    pub issuer: usize,
    pub principal: Principal,
    pub client: Option<Result<&'static str, ()>>,
    pub sub: Option<&'static str>,
    pub act: Vec<(Option<&'static str>, Option<&'static str>, Option<&'static str>)>,
    pub scopes: Vec<String>,
    pub groups: Option<Vec<&'static str>>,
    pub tenant: Option<&'static str>,
    pub audiences: Vec<&'static str>,
    pub issued: Option<i64>,
    pub begins: Option<i64>,
    pub ends: i64,
    pub bound: bool,
}

impl Ask {
    /// A request that mostly fits the world, with something off now and then.
    pub fn random(dice: &mut Dice, world: &World) -> Self {
        let attribute = |dice: &mut Dice, values: &[&'static str]| match dice.below(24) {
            0 => Known::Unknown,
            1 => Known::Unavailable,
            2 => Known::Pending(Source::Lookup),
            3 => Known::Pending(Source::Response),
            _ => Known::Value(dice.pick(values)),
        };
        let off = dice.chance(6);
        Self {
            token: (!dice.chance(2)).then(|| Tok::random(dice, world)),
            refused: dice.chance(7).then(|| dice.pick(&REFUSALS)),
            peer: if dice.chance(10) {
                vec![format!("spiffe://x/{}", dice.below(5))]
            } else {
                vec![]
            },
            sender_proved: dice.chance(50),
            mapped: (!off).then(|| {
                (
                    dice.below(2),
                    dice.pick(&[
                        Action::Read,
                        Action::Read,
                        Action::Read,
                        Action::Write,
                        Action::Delete,
                        Action::Admin,
                    ]),
                )
            }),
            owner: attribute(dice, &["alice", "bob", "carol"]),
            tenant: attribute(dice, &["t1", "t2"]),
            method: dice.pick(&["GET", "POST"]),
            approval: dice.pick(&[Tier::None, Tier::None, Tier::Presence, Tier::SecondPerson]),
            grant: dice.chance(10).then(|| WorldGrant {
                scopes: scopes(dice, 2, 10),
                may: scopes(dice, 2, 0),
                proved: dice.chance(70),
                ends_in: dice.pick(&[-1, 0, 60]),
            }),
            host_tags: dice.chance(70),
            lax: false,
        }
    }

    /// The request as an honest client would send it, so that rules and ceilings decide and not
    /// the first thing that is off.
    pub fn mend(&mut self, dice: &mut Dice, world: &World) {
        let agent = dice.pick(&world.actors);
        let Some(token) = &mut self.token else { return };
        self.refused = None;
        self.peer.clear();
        self.mapped =
            Some((dice.below(2), dice.pick(&[Action::Read, Action::Read, Action::Write])));
        self.approval = dice.pick(&[Tier::None, Tier::SecondPerson]);
        token.issuer = agent.issuer;
        token.principal = match agent.mode {
            ActorMode::Delegated => Principal::User,
            ActorMode::Independent => Principal::Own,
        };
        token.client = agent.client_ids.last().map(|id| Ok(*id));
        token.sub = Some("carol");
        token.act.clear();
        token.scopes = vec!["*:*".to_owned()];
        token.audiences = AUDIENCES.to_vec();
        (token.issued, token.begins, token.ends) = (Some(-60), None, 300);
        token.bound = false;
    }

    pub fn verified(&self, policy: &Policy) -> Option<VerifiedToken> {
        self.token.as_ref().map(|token| token.verified(policy))
    }

    pub fn attributes(&self) -> Vec<AttributeState> {
        [self.owner, self.tenant]
            .into_iter()
            .map(|known| match known {
                Known::Value(value) => AttributeState::Known(Value::String(value.to_owned())),
                Known::Pending(source) => AttributeState::Pending(source),
                Known::Unavailable => AttributeState::Unavailable,
                Known::Unknown => AttributeState::Unknown,
            })
            .collect()
    }

    pub fn granted(&self, policy: &Policy) -> Option<Grant> {
        self.grant.as_ref().map(|grant| Grant {
            scopes: policy.resolve_scopes(&grant.scopes).0,
            may_grant: policy.resolve_scopes(&grant.may).0,
            proved: grant.proved,
            not_before: NOW.minus(Span::from_secs(60)),
            expires_at: NOW.plus(Span::from_secs(grant.ends_in)),
        })
    }
}

impl Tok {
    fn random(dice: &mut Dice, world: &World) -> Self {
        let agent = dice.pick(&world.actors);
        let name = |dice: &mut Dice| match dice.below(20) {
            0 => dice.pick(&NAMES),
            1 if !agent.subs.is_empty() => dice.pick(&agent.subs),
            _ => dice.pick(&agent.client_ids),
        };
        let issuer = if dice.chance(96) { agent.issuer } else { 1 - agent.issuer };
        let member = |dice: &mut Dice| {
            let iss = dice.chance(20).then(|| dice.pick(&ISSUERS));
            let (sub, client) = (name(dice), name(dice));
            (iss, dice.chance(90).then_some(sub), dice.chance(10).then_some(client))
        };
        let act = match dice.below(10) {
            0..=6 => vec![],
            7 => vec![member(dice)],
            8 => vec![member(dice), member(dice)],
            _ => (0..dice.below(7)).map(|_| member(dice)).collect(),
        };
        let principal = match (dice.below(40), agent.mode) {
            (0, _) => Principal::Unclear,
            (1, _) => Principal::Own,
            (2, _) => Principal::User,
            (_, ActorMode::Delegated) => Principal::User,
            (_, ActorMode::Independent) => Principal::Own,
        };
        let act = if principal == Principal::Own && dice.chance(90) { vec![] } else { act };
        let mut list = scopes(dice, 3, 3);
        if dice.chance(3) {
            list.push(dice.pick(&["no:reed", "NO:read", "no:read:nothing", "openid"]).to_owned());
        }
        let mut audiences = AUDIENCES.to_vec();
        if dice.chance(8) {
            audiences.truncate(dice.below(2));
        }
        Self {
            issuer,
            principal,
            client: match dice.below(40) {
                0 => None,
                1 => Some(Err(())),
                _ => Some(Ok(name(dice))),
            },
            sub: (!dice.chance(2)).then(|| {
                if principal == Principal::Own {
                    name(dice)
                } else {
                    dice.pick(&["alice", "bob", "bob", "carol", "carol"])
                }
            }),
            act,
            scopes: list,
            groups: (!dice.chance(15)).then(|| dice.some(&GROUPS, 60)),
            tenant: (!dice.chance(15)).then(|| dice.pick(&["t1", "t2"])),
            audiences,
            issued: (!dice.chance(1))
                .then(|| if dice.chance(92) { -60 } else { dice.pick(&[-600, 20, 30, 31]) }),
            begins: dice.chance(8).then(|| dice.pick(&[-60, 29, 30, 31])),
            ends: if dice.chance(92) { 300 } else { dice.pick(&[600, 840, 841, -29, -30, -31]) },
            bound: dice.chance(2),
        }
    }

    fn verified(&self, policy: &Policy) -> VerifiedToken {
        let (resolved, bad_scope) = policy.resolve_scopes(&self.scopes);
        let at = |offset: i64| NOW.plus(Span::from_secs(offset));
        let text = |value: Option<&str>| value.map(str::to_owned);
        let strings = |list: &Vec<&str>| {
            Value::List(list.iter().map(|text| Value::String((*text).to_owned())).collect())
        };
        VerifiedToken {
            issuer: self.issuer as u32,
            sub: text(self.sub),
            person: text(self.sub),
            principal: self.principal,
            client_id: match self.client {
                None => ClientId::Missing,
                Some(Err(())) => ClientId::Conflict,
                Some(Ok(id)) => ClientId::Agreed(id.to_owned()),
            },
            act: self
                .act
                .iter()
                .map(|(iss, sub, client)| ActMember {
                    issuer: text(*iss),
                    sub: text(*sub),
                    client_id: text(*client),
                })
                .collect(),
            scopes: resolved,
            scope_strings: self.scopes.clone(),
            bad_scope,
            claims: vec![self.tenant.map_or(ClaimState::Unknown, |tenant| {
                ClaimState::Known(Value::String(tenant.to_owned()))
            })],
            groups: self
                .groups
                .as_ref()
                .map_or(ClaimState::Unknown, |g| ClaimState::Known(strings(g))),
            audiences: owned(&self.audiences),
            issued_at: self.issued.map(at),
            not_before: self.begins.map(at),
            expires_at: at(self.ends),
            confirmation: self.bound.then(|| Confirmation::Jkt("k".to_owned())),
            ..VerifiedToken::default()
        }
    }
}
