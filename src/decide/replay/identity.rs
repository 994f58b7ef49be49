//! Who a recorded token would stand for under another policy.

use super::{Assume, Replay, Told};
use crate::decision::Reason;
use crate::policy::compiled::{ActorNames, Policy};
use crate::policy::document::ActorSource;
use std::collections::BTreeMap;

/// Agents that are tried where nothing says which one it was.
const TRIED: usize = 64;

/// The actors, outermost first: entry of the policy, and the id it goes by.
pub(super) type Chain = Vec<(u32, String)>;

/// Who acts, as far as a record tells.
pub(super) enum Who {
    /// Nobody, for certain.
    Refused(Reason),
    /// Anybody: the token was not verified. Or nobody, for this reason or another.
    Anybody(Option<Reason>),
    /// One of these, or nobody for one of these reasons.
    Someone {
        chains: Vec<Chain>,
        may_fail: Vec<Option<Reason>>,
        /// Whether the token is read as it was.
        same: bool,
    },
}

impl Replay<'_> {
    pub(super) fn who(&self, told: &Told<'_>, recorded: Option<Reason>, assume: Assume) -> Who {
        let policy = &self.new.policy;
        let assumed = self.was().is_none() && assume == Assume::Identity;
        let stage = recorded.map_or(Stage::Unknown, Stage::of);
        if recorded == Some(Reason::NoToken) {
            return Who::Refused(Reason::NoToken);
        }
        if told.issuer.is_empty() {
            // Not verified: the issuer's settings, or the token itself, and nothing tells which.
            let alike = assumed || self.was().is_some_and(|was| was.all_issuers);
            return match recorded {
                Some(reason) if alike => Who::Refused(reason),
                reason => Who::Anybody(reason),
            };
        }
        let Some(at) = policy.issuers.iter().position(|issuer| issuer.issuer == told.issuer) else {
            return match told.is_whole("issuer") {
                true => Who::Refused(Reason::UnknownIssuer),
                false => Who::Anybody(None),
            };
        };
        let same = assumed || self.was().is_some_and(|was| was.reads_alike(told.issuer));
        let person_is_sub = self.new.issuers.get(at).is_some_and(|issuer| issuer.person_is_sub());
        let names =
            assumed || self.was().is_some_and(|was| was.names_alike(policy, told, person_is_sub));
        match (stage, recorded) {
            (Stage::Credential | Stage::Times, Some(reason)) if same => {
                return Who::Refused(reason);
            }
            (Stage::Identity, Some(reason)) if same && names && self.same_names(told) => {
                return Who::Refused(reason);
            }
            _ => {}
        }
        let chains = match self.chains(told, at, assumed) {
            Ok(chains) => chains,
            Err(reason) if same && stage == Stage::Judged && self.looks_alike() => {
                return Who::Refused(reason);
            }
            // Refused in any case, and perhaps for what is looked at before.
            Err(reason) => {
                let mut may_fail = vec![Some(reason)];
                if stage != Stage::Judged {
                    may_fail.push(recorded);
                }
                may_fail.push(None);
                return Who::Someone { chains: Vec::new(), may_fail, same };
            }
        };
        let mut may_fail = Vec::new();
        match stage {
            Stage::Judged if assumed && self.may_be_unlisted(told, at) => {
                may_fail.push(Some(Reason::UnknownActor));
            }
            Stage::Judged if same && names => {}
            Stage::Judged => may_fail.push(None),
            Stage::Credential | Stage::Times | Stage::Identity | Stage::Unknown => {
                may_fail.push(recorded);
                if !same || !names || !self.same_names(told) {
                    may_fail.push(None);
                }
            }
        }
        let mut fitting = Vec::new();
        for chain in chains {
            match self.fits_mode(told, &chain, same, names) {
                Ok(true) => fitting.push(chain),
                Ok(false) => {
                    may_fail.push(Some(Reason::ActorMode));
                    fitting.push(chain);
                }
                Err(reason) => may_fail.push(Some(reason)),
            }
        }
        Who::Someone { chains: fitting, may_fail, same }
    }

    /// Whether actors are looked for in the same places.
    fn looks_alike(&self) -> bool {
        let new = &self.new.policy;
        self.was().is_none_or(|was| {
            let was = was.policy();
            was.actor_from == new.actor_from && was.limits.actor_chain == new.limits.actor_chain
        })
    }

    fn everybody(&self) -> Vec<Chain> {
        let actors = &self.new.policy.actors;
        (0..).zip(actors).take(TRIED).map(|(at, actor)| vec![(at, actor.id.clone())]).collect()
    }

    /// Whether no agent's name was added or removed: what no name fitted fits none.
    fn same_names(&self, told: &Told<'_>) -> bool {
        let Some(was) = self.was() else { return true };
        let all = |policy: &Policy| {
            let at = policy.issuers.iter().position(|issuer| issuer.issuer == told.issuer);
            let names = at.and_then(|at| policy.names.get(at)).cloned().unwrap_or_default();
            let id = |entry: u32| {
                policy.actors.get(entry as usize).map(|actor| (actor.id.clone(), actor.mode))
            };
            let of = |names: BTreeMap<String, u32>| {
                names.into_iter().map(|(name, entry)| (name, id(entry))).collect::<Vec<_>>()
            };
            format!(
                "{:?} {:?} {:?}",
                of(names.client_ids),
                of(names.subs),
                of(policy.spiffe.clone())
            )
        };
        was.policy().limits.actor_chain == self.new.policy.limits.actor_chain
            && all(was.policy()) == all(&self.new.policy)
    }

    /// The chains it may be; an error where it can be none.
    fn chains(&self, told: &Told<'_>, issuer: usize, assumed: bool) -> Result<Vec<Chain>, Reason> {
        let policy = &self.new.policy;
        let names = policy.names.get(issuer).ok_or(Reason::UnknownIssuer)?;
        let by_id = |id: &str| {
            (0..).zip(&policy.actors).find(|(_, actor)| actor.id == id).map(|(at, _)| at)
        };
        let by_client = policy.actor_from.contains(&ActorSource::ClientId)
            && !told.client.is_empty()
            && told.is_whole("client");
        let firsts: Chain = if by_client {
            // Every source must name the same entry, so this one alone settles which it can be.
            clients(policy, names, told.client)
        } else {
            let Some(id) = told.actors.first().filter(|_| told.is_whole("actors")) else {
                return Ok(self.everybody());
            };
            match (self.was().and_then(|was| self.heirs(was.policy(), id)), by_id(id)) {
                (Some(heirs), _) => heirs,
                (None, Some(at)) => vec![(at, id.clone())],
                (None, None) if assumed => Vec::new(),
                // It may go by another name now.
                (None, None) => return Ok(self.everybody()),
            }
        };
        if firsts.is_empty() {
            return Err(Reason::UnknownActor);
        }
        let mut nested: Chain = Vec::new();
        for id in told.actors.iter().skip(1) {
            let heirs = self.was().and_then(|was| self.heirs(was.policy(), id));
            let known = by_id(id).map(|at| (at, id.clone()));
            match (heirs.as_deref(), known) {
                (Some([]), _) => return Err(Reason::UnknownActor),
                (Some([heir]), _) => nested.push(heir.clone()),
                (Some(_), _) => {}
                (None, Some(known)) => nested.push(known),
                (None, None) if assumed => return Err(Reason::UnknownActor),
                // Left out, it narrows nothing; that it may deny is told by whoever asked.
                (None, None) => {}
            }
        }
        Ok(firsts
            .into_iter()
            .map(|first| std::iter::once(first).chain(nested.clone()).collect())
            .collect())
    }

    /// Whether an agent may have gone by a client id that is its own id, which a record then does not
    /// say twice, and that nobody goes by now.
    fn may_be_unlisted(&self, told: &Told<'_>, issuer: usize) -> bool {
        let names = self.new.policy.names.get(issuer);
        match told.actors {
            [only] if told.client.is_empty() => {
                names.is_none_or(|names| !names.client_ids.contains_key(only))
            }
            _ => false,
        }
    }

    /// Whom the names of an agent that was in force stand for now; `None` where it went by a name that
    /// no policy lists.
    fn heirs(&self, was: &Policy, id: &str) -> Option<Chain> {
        let new = &self.new.policy;
        let entry = (0..).zip(&was.actors).find(|(_, actor)| actor.id == id).map(|(at, _)| at)?;
        let mut found: Vec<u32> = Vec::new();
        let mut look = |before: &BTreeMap<String, u32>, after: &BTreeMap<String, u32>| {
            let names = before.iter().filter(|(_, at)| **at == entry);
            found.extend(names.filter_map(|(name, _)| after.get(name).copied()));
        };
        look(&was.spiffe, &new.spiffe);
        let mut dynamic = Vec::new();
        for (issuer, before) in was.issuers.iter().zip(&was.names) {
            let at = new.issuers.iter().position(|other| other.issuer == issuer.issuer);
            let Some(after) = at.and_then(|at| new.names.get(at)) else { continue };
            look(&before.client_ids, &after.client_ids);
            look(&before.subs, &after.subs);
            // A `sub` may be a client id, too.
            look(&before.subs, &after.client_ids);
            look(&before.client_ids, &after.subs);
            dynamic.extend(after.dynamic.iter().map(|(entry, _)| *entry));
        }
        if found.is_empty() {
            found = dynamic;
        }
        found.sort_unstable();
        found.dedup();
        let named = |at: u32| new.actors.get(at as usize).map(|actor| (at, actor.id.clone()));
        Some(found.into_iter().filter_map(named).collect())
    }

    /// Whether the actor acts in the way it acted: true, perhaps (false), or not (an error).
    fn fits_mode(
        &self,
        told: &Told<'_>,
        chain: &Chain,
        same: bool,
        names: bool,
    ) -> Result<bool, Reason> {
        if same && names {
            return Ok(true);
        }
        let entry =
            |policy: &Policy, at: u32| policy.actors.get(at as usize).map(|actor| actor.mode);
        let mode = chain.first().and_then(|(at, _)| entry(&self.new.policy, *at));
        let was = self.was().and_then(|was| {
            let id = told.actors.first()?;
            was.policy().actors.iter().find(|actor| actor.id == *id).map(|actor| actor.mode)
        });
        match was {
            // The token proves what it proved.
            Some(was) if same && Some(was) != mode => Err(Reason::ActorMode),
            Some(was) if same && Some(was) == mode => Ok(true),
            _ => Ok(false),
        }
    }
}

/// The entries a client may be: the one of that name, else any that is registered dynamically.
fn clients(policy: &Policy, names: &ActorNames, client: &str) -> Chain {
    match names.client_ids.get(client) {
        Some(at) => policy
            .actors
            .get(*at as usize)
            .map(|actor| (*at, actor.id.clone()))
            .into_iter()
            .collect(),
        None => names.dynamic.iter().map(|(at, _)| (*at, client.to_owned())).collect(),
    }
}

/// Where a recorded decision was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Credential,
    Times,
    Identity,
    /// After it was settled who acts for whom.
    Judged,
    /// A reason of another version.
    Unknown,
}

impl Stage {
    const fn of(reason: Reason) -> Self {
        match reason {
            Reason::NoToken
            | Reason::MalformedToken
            | Reason::UnknownIssuer
            | Reason::UnknownKey
            | Reason::BadSignature
            | Reason::AlgorithmRefused
            | Reason::WrongTokenType
            | Reason::BadProof
            | Reason::ProofNonce
            | Reason::ProofReplayed
            | Reason::IssuerUnavailable
            | Reason::ReplayMemoryFull => Self::Credential,
            Reason::Expired
            | Reason::NotYetValid
            | Reason::TokenLifetime
            | Reason::SenderNotProved => Self::Times,
            Reason::ClientConflict
            | Reason::UnclearPrincipal
            | Reason::ChainTooDeep
            | Reason::UnknownActor
            | Reason::ActorMismatch
            | Reason::ActorMode => Self::Identity,
            Reason::AllowedByRule
            | Reason::AllowedWithTag
            | Reason::AllowedPublic
            | Reason::MalformedRequest
            | Reason::TokenInUrl
            | Reason::WrongAudience
            | Reason::UnmappedRequest
            | Reason::BadScope
            | Reason::InsufficientScope
            | Reason::BeyondCeiling
            | Reason::NotAllowed
            | Reason::Denied
            | Reason::ApprovalRequired
            | Reason::ObligationUnsupported
            | Reason::BodyTooLarge
            | Reason::LookupUnavailable
            | Reason::HostFailure => Self::Judged,
        }
    }
}
