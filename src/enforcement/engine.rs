//! What one worker keeps between requests: the policy, the issuers' keys, verified tokens.

use super::CalloutReply;
use super::cache::TokenCache;
use super::keys::{KeyNews, KeyStep, Keys};
use super::metadata::Metadata;
use crate::decision::Reason;
use crate::identity::{self, Issuer, SignatureCheck, SigningKey, VerifiedToken};
use crate::policy::compiled::ResourceEntry;
use crate::policy::document::{ActorSource, AuditOutcome};
use crate::policy::error::{Located, PolicyErrors, Problem};
use crate::policy::routes::Match;
use crate::policy::{Loaded, Policy};
use crate::time::{Span, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A loaded policy with its state. One for each worker; nothing here is shared.
#[derive(Debug)]
pub struct Engine {
    pub(super) policy: Policy,
    issuers: Vec<Issuer>,
    keys: RefCell<Keys>,
    cache: RefCell<TokenCache>,
    /// What the workers of the process share, once it was asked for.
    secret: Cell<Option<[u8; 32]>>,
    signing_key: Option<SigningKey>,
    metadata: Metadata,
    warnings: Vec<Located>,
}

/// What the host reads from its environment; secrets never stand in a policy.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Engine {
    /// Loads a policy as a gateway delivers it: JSON text, or the protobuf bytes of a `Struct`.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn load(configuration: &[u8], environment: &Environment<'_>) -> Result<Self, PolicyErrors> {
        Self::with(Policy::load("policy", configuration)?, environment)
    }

    /// An engine for a policy that is loaded already.
    ///
    /// # Errors
    /// When the environment lacks a secret the policy names.
    pub fn with(loaded: Loaded, environment: &Environment<'_>) -> Result<Self, PolicyErrors> {
        let Loaded { policy, issuers, jwks, warnings } = loaded;
        let signing_key = match &policy.approvals.signing_key {
            None => None,
            Some(name) => {
                let key = environment(name).as_deref().and_then(seed_key);
                if key.is_none() {
                    return Err(PolicyErrors(vec![Located {
                        file: policy.name.clone(),
                        place: Default::default(),
                        problem: Problem::error(
                            "/approvals/signing_key/env",
                            format!("the environment has no usable key in `{name}`"),
                            "an Ed25519 seed: 32 bytes in base64url, and the variable in the \
                             gateway's `host_env_keys`",
                        ),
                    }]));
                }
                key
            }
        };
        let keys = RefCell::new(Keys::new(&issuers, &jwks));
        let (cache, secret) = (RefCell::default(), Cell::default());
        let metadata = Metadata::of(&policy);
        Ok(Self { policy, issuers, keys, cache, secret, signing_key, metadata, warnings })
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the author may want to know.
    #[must_use]
    pub fn warnings(&self) -> &[Located] {
        &self.warnings
    }

    /// Whether actors are named by client certificates, so that hosts without need not read them.
    #[must_use]
    pub fn wants_peer(&self) -> bool {
        self.policy.actor_from.contains(&ActorSource::Mtls)
    }

    /// Whether records say what the gateway's own log line can say as well, status and duration, so
    /// that hosts need not read them for nothing.
    #[must_use]
    pub fn records_outcome(&self) -> bool {
        self.policy.audit.outcome == AuditOutcome::Record
    }

    /// How often the host should call [`Engine::on_tick`]; `None` when nothing has to be fetched.
    #[must_use]
    pub fn tick_every(&self) -> Option<Span> {
        self.keys.borrow().tick_every()
    }

    /// Spreads fetches over time by a random number, so that gateways that started together do not
    /// ask together for ever. Without it, or with 0, every fetch comes at its latest time.
    pub fn spread_fetches(&self, random: u64) {
        self.keys.borrow_mut().spread(random);
    }

    /// The issuers whose keys are fetched, in order of their numbers: name, and the topic under which
    /// workers share plan and set. It is the same for the same keys, in any policy.
    #[must_use]
    pub fn key_sources(&self) -> Vec<(String, String)> {
        let name = |at: usize| self.issuers.get(at).map(|issuer| issuer.issuer.clone());
        let keys = self.keys.borrow();
        keys.sources().map(|(at, topic)| (name(at).unwrap_or_default(), topic.to_owned())).collect()
    }

    /// Time passed: what to do about the keys of source number `source`, where `posted` is the plan
    /// that is posted under its topic, if one is and the host shares anything.
    pub fn on_tick(&self, now: Timestamp, source: u32, posted: Option<&[u8]>) -> KeyStep {
        self.keys.borrow_mut().tick(now, source, posted)
    }

    /// Nobody was faster: the fetch that [`KeyStep::Fetch`] asked for is sent.
    pub fn on_keys_claimed(&self, now: Timestamp, source: u32) {
        self.keys.borrow_mut().claimed(now, source);
    }

    /// A fetch of keys ended, however it ended.
    pub fn on_keys_reply(&self, now: Timestamp, source: u32, reply: CalloutReply<'_>) -> KeyNews {
        self.keys.borrow_mut().answered(now, source, reply, &self.issuers)
    }

    /// The set that is posted under the topic of a source, after [`KeyStep::TakeUp`].
    pub fn on_shared_keys(&self, now: Timestamp, source: u32, posted: Option<&[u8]>) -> KeyNews {
        self.keys.borrow_mut().shared(now, source, posted, &self.issuers)
    }

    /// Whether a request met a key that is not there and a fetch should start at once: the host
    /// should tick now. Said once.
    pub fn take_hurry(&self) -> bool {
        self.keys.borrow_mut().take_hurry()
    }

    /// The secret of the process, if this worker was told it.
    pub(super) const fn shared_secret(&self) -> Option<[u8; 32]> {
        self.secret.get()
    }

    pub(super) fn share(&self, secret: [u8; 32]) {
        self.secret.set(Some(secret));
    }

    /// Whether approval requests and tags can be signed.
    pub(super) const fn can_sign(&self) -> bool {
        self.signing_key.is_some()
    }

    pub(super) const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(super) const fn signing_key(&self) -> Option<&SigningKey> {
        self.signing_key.as_ref()
    }

    /// The resource a request would be for.
    pub(super) fn resource_for(
        &self,
        host: &str,
        path: &str,
        method: &str,
    ) -> Option<&ResourceEntry> {
        match self.policy.routes.find(host, path, method) {
            Match::Found { route, .. } => {
                let route = self.policy.routes.route(route)?;
                self.policy.resources.get(route.resource as usize)
            }
            Match::TooLong | Match::Unmapped => None,
        }
    }

    /// A token verified before, under the keys its issuer has now.
    pub(super) fn recall(&self, token: &[u8]) -> Option<Rc<VerifiedToken>> {
        let keys = self.keys.borrow();
        self.cache.borrow().find(token, |issuer| keys.generation(issuer))
    }

    pub(super) fn remember(&self, token: &str, generation: u64, verified: Rc<VerifiedToken>) {
        // Keys that changed while the signature was being checked prove nothing any more.
        if self.keys.borrow().generation(verified.issuer) == Some(generation) {
            self.cache.borrow_mut().keep(token, generation, verified);
        }
    }

    /// Reads a token and chooses the key that must have signed it.
    pub(super) fn begin(&self, token: &str) -> Result<(SignatureCheck, u64), Reason> {
        let max = usize::try_from(self.policy.limits.token).unwrap_or(usize::MAX);
        let begun = identity::begin(token, max, &self.issuers, &self.keys.borrow().states);
        let check = begun.map_err(|reason| match reason {
            Reason::UnknownKey => identity::claimed_issuer(token, max, &self.issuers)
                .map_or(reason, |issuer| self.keys.borrow_mut().unknown_key(issuer)),
            reason => reason,
        })?;
        let generation = check.generation();
        Ok((check, generation))
    }

    /// What a token says, once its signature is known to be valid.
    pub(super) fn accept(&self, check: SignatureCheck) -> Result<VerifiedToken, Reason> {
        let depth = usize::try_from(self.policy.limits.actor_chain).unwrap_or(usize::MAX);
        let markers = check.issuer().map_or(&[][..], |issuer| self.policy.markers(issuer));
        check.accept(&self.issuers, depth, markers, &|name| self.policy.target(name))
    }
}

/// An Ed25519 seed: 32 bytes in base64url without padding.
fn seed_key(text: &str) -> Option<SigningKey> {
    let seed = URL_SAFE_NO_PAD.decode(text.trim()).ok()?;
    SigningKey::ed25519_from_seed(&seed.try_into().ok()?).ok()
}
