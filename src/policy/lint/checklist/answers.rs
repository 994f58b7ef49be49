//! What speaks for each answer, and against it.

use super::{Evidence, Gateway, Lint, member};
use crate::policy::compiled::RuleEntry;
use crate::policy::condition::Slot;
use crate::policy::document::{
    ActorMode, AuditLevel, AuditOutcome, Credentials, Effect, Mode, PerRecord, SenderConstraint,
    Tier,
};
use crate::policy::lint::listed;
use crate::policy::lint::possible::Possible;
use crate::policy::scope::Scope;
use crate::request::{Action, ActionSet};
use crate::time::Span;

/// What counts as short: an hour, and five minutes for clocks.
const SHORT: Span = Span::from_secs(65 * 60);

impl Lint<'_> {
    /// A scope of more than reading names its resource, and unlisted agents are refused.
    pub(super) fn read_only(&self) -> Vec<Evidence> {
        let mut found = vec![self.evidence(
            true,
            "/actors",
            "an agent that is not listed is refused (`unknown-actor`)",
        )];
        found.extend(self.shadow());
        for (id, actor) in &self.document.actors {
            let pointer = member("/actors", id);
            let mut named = Vec::new();
            let mut wide = false;
            for (at, text) in actor.scopes.iter().enumerate() {
                let Some(scope) = Scope::parse(text).filter(|scope| !scope.subtracts) else {
                    continue;
                };
                let more = scope.actions.iter().any(|action| action != Action::Read);
                let place = format!("{pointer}/scopes/{at}");
                if more && scope.target.is_none() {
                    wide = true;
                    let text = format!("`{id}` may do more than read anywhere (`{text}`)");
                    found.push(self.evidence(false, &place, text));
                } else if more && scope.actions == ActionSet::ALL {
                    wide = true;
                    let text = format!("`{id}` may do everything to a type (`{text}`)");
                    found.push(self.evidence(false, &place, text));
                } else if more {
                    named.push(text.as_str());
                }
            }
            if !wide {
                let text = match named.is_empty() {
                    true => format!("`{id}` reads at most"),
                    false => {
                        format!("`{id}` reads at most, but for {}, which name what", listed(named))
                    }
                };
                found.push(self.evidence(true, &pointer, text));
            }
        }
        found
    }

    /// Wherever an agent reads for a user, somebody checks that the record is the user's.
    pub(super) fn filtered(&self) -> Vec<Evidence> {
        let mut found: Vec<Evidence> = self.shadow().into_iter().collect();
        for (number, entry) in (0_u32..).zip(&self.policy.resources) {
            let Some(written) = self.document.resources.get(&entry.id) else { continue };
            let pointer = member("/resources", &entry.id);
            let reading = [(number, Action::Read)];
            let mut readers = self.kinds.meaning(&reading);
            let for_users = |kind: &Possible<'_>| {
                kind.actor.mode == ActorMode::Delegated && kind.is_within(self.policy)
            };
            if !readers.any(|kind| for_users(&kind)) {
                let text = format!("no agent reads `{}` for a user", entry.id);
                found.push(self.evidence(true, &pointer, text));
                continue;
            }
            match (entry.credentials, written.per_record) {
                (Credentials::Keep, _) => {
                    let text = format!(
                        "the upstream of `{}` gets the user's own token and checks it",
                        entry.id
                    );
                    found.push(self.evidence(true, &member(&pointer, "credentials"), text));
                }
                (_, Some(PerRecord::Upstream)) => {
                    let text = format!(
                        "the upstream of `{}` enforces `sub` of the `ambit` header",
                        entry.id
                    );
                    found.push(self.evidence(true, &member(&pointer, "per_record"), text));
                }
                (_, Some(PerRecord::None)) => {
                    let text = format!("`{}` is the same for all users", entry.id);
                    found.push(self.evidence(false, &member(&pointer, "per_record"), text));
                }
                (Credentials::Strip, None) => {
                    found.extend(self.reading_rules(number).into_iter().map(|(pointer, rule)| {
                        let looks = looks_at_user_and_record(rule);
                        let text = match looks {
                            true => format!("`{}` compares the record with the user", rule.id),
                            false => {
                                format!("`{}` does not compare the record with the user", rule.id)
                            }
                        };
                        let at =
                            if rule.when.is_some() { member(&pointer, "when") } else { pointer };
                        self.evidence(looks, &at, text)
                    }));
                }
            }
        }
        found
    }

    fn reading_rules(&self, resource: u32) -> Vec<(String, &RuleEntry)> {
        let numbers = self.policy.rules_for(resource, Action::Read).iter();
        numbers
            .filter_map(|at| {
                let rule = self.policy.rules.get(*at as usize)?;
                Some((self.policy.rule_pointer(*at)?, rule))
            })
            .filter(|(_, rule)| rule.effect == Effect::Allow)
            .filter(|(_, rule)| {
                let speaks = |kind: &Possible<'_>| {
                    kind.actor.mode == ActorMode::Delegated && kind.can_be_true(rule.when.as_ref())
                };
                self.kinds.meaning(&[(resource, Action::Read)]).any(|kind| speaks(&kind))
            })
            .collect()
    }

    /// Every allow of more than reading asks somebody.
    pub(super) fn a_person(&self) -> Vec<Evidence> {
        let mut found: Vec<Evidence> = self.shadow().into_iter().collect();
        for (number, rule, pointer) in self.rules() {
            if rule.effect != Effect::Allow {
                continue;
            }
            let pairs: Vec<_> = self
                .pairs(number)
                .iter()
                .filter(|(_, action)| *action != Action::Read)
                .filter(|pair| self.kinds.meaning(std::slice::from_ref(pair)).next().is_some())
                .collect();
            let Some((_, first)) = pairs.first() else { continue };
            let mut actions: Vec<&str> = pairs.iter().map(|(_, action)| action.name()).collect();
            actions.sort_unstable();
            actions.dedup();
            let actions = listed(actions);
            let at = match rule.approval {
                Some(_) => member(&pointer, "approval"),
                None => pointer,
            };
            let (asks, text) = match rule.approval_for(*first).tier {
                Tier::None => {
                    (false, format!("`{}` allows {actions} without asking anybody", rule.id))
                }
                Tier::Device => (
                    false,
                    format!("`{}` asks for a device's key, which proves no person", rule.id),
                ),
                tier => (
                    true,
                    format!("`{}` allows {actions} with approval ({})", rule.id, tier.name()),
                ),
            };
            found.push(self.evidence(asks, &at, text));
        }
        if found.is_empty() {
            found.push(self.evidence(true, "", "nothing allows more than reading"));
        }
        found
    }

    /// No issuer's tokens may live longer than about an hour.
    pub(super) fn short_lived(&self) -> Vec<Evidence> {
        let issuers = self.policy.issuers.iter().zip(&self.document.identity.issuers).enumerate();
        let mut found: Vec<Evidence> = self.shadow().into_iter().collect();
        for (at, (terms, written)) in issuers {
            let pointer = format!("/identity/issuers/{at}");
            let minutes = terms.max_lifetime.secs() / 60;
            let (place, whose) = match written.max_lifetime {
                Some(_) => (format!("{pointer}/max_lifetime"), ""),
                None => (pointer.clone(), ", the profile's default"),
            };
            let text = format!("tokens of `{}` live {minutes} min at most{whose}", terms.issuer);
            found.push(self.evidence(terms.max_lifetime <= SHORT, &place, text));
            if written.sender_constraint == SenderConstraint::Required {
                let text = "and are bound to their sender, so that a stolen one is of no use";
                found.push(self.evidence(true, &format!("{pointer}/sender_constraint"), text));
            }
        }
        found
    }

    /// Every request leaves a record; whether somebody keeps it the gateway must show.
    pub(super) fn recorded(&self, gateway: Gateway) -> Vec<Evidence> {
        let mut found = vec![self.evidence(
            true,
            "",
            "every request leaves one record, allowed or refused: who, for whom, what, and why",
        )];
        let audit = &self.document.audit;
        let (pointer, text) = match audit.level {
            AuditLevel::Metadata => {
                ("", "query strings are left out (`audit: { level: request }` adds them)")
            }
            AuditLevel::Request => ("/audit/level", "with the request's query string"),
        };
        found.push(self.evidence(true, pointer, text));
        found.push(match (audit.outcome, gateway.logs_status) {
            (AuditOutcome::Record, _) => {
                self.evidence(true, "/audit/outcome", "with what the client got, and how long it took")
            }
            (AuditOutcome::Gateway, Some(false)) => self.evidence(
                false,
                "",
                "what the client got is neither in the record nor in the gateway's line: `%RESPONSE_CODE%` \
                 there, or `audit: { outcome: record }`",
            ),
            (AuditOutcome::Gateway, _) => {
                self.evidence(true, "", "the gateway's line says what the client got (`%RESPONSE_CODE%`)")
            }
        });
        found.push(match gateway.logs_records {
            Some(true) => self.evidence(true, "", "the gateway's access log prints `wasm.ambit_record`"),
            Some(false) => self.evidence(
                false,
                "",
                "the gateway's access log does not print `wasm.ambit_record`, so nobody keeps the records",
            ),
            None => self.evidence(
                true,
                "",
                "as long as the gateway's access log prints `wasm.ambit_record`, which `--envoy FILE` looks \
                 for",
            ),
        });
        found
    }

    /// In shadow mode nothing that the policy says binds.
    fn shadow(&self) -> Option<Evidence> {
        (self.policy.mode == Mode::Shadow)
            .then(|| self.evidence(false, "/mode", "in shadow mode no decision binds"))
    }
}

/// Whether a rule looks at both: what the record is, and who the user is.
fn looks_at_user_and_record(rule: &RuleEntry) -> bool {
    let slots = rule.when.as_ref().map(|when| when.slots()).unwrap_or_default();
    let record =
        slots.iter().any(|slot| matches!(slot, Slot::ResourceAttribute(_) | Slot::ResourceId));
    let user = slots
        .iter()
        .any(|slot| matches!(slot, Slot::SubjectId | Slot::SubjectClaim(_) | Slot::SubjectGroups));
    record && user
}
