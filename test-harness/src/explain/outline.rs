//! An explanation as an outline: what every drawing of it is made from.

mod ceilings;

use super::Explained;
use ambit::decision::{ApprovalNeed, Effect};
use ambit::policy::condition::{Looked, Part, PartKind, Shown, Truth};
use ambit::policy::document::Effect as RuleEffect;
use ambit::policy::value::Sources;
use ambit::trace::{Outlook, RuleTrace, Stage, Trace};

/// Paths or agents that are named where a request met none.
const MAX_INSTEAD: usize = 12;

/// One line of an outline, and the lines under it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// What stands before it.
    pub mark: Mark,
    /// What it says.
    pub text: String,
    /// More about it, in a lower voice.
    pub aside: String,
    /// Where it stands in the policy: a line, 0 where nowhere.
    pub line: u32,
    /// Whether it is what decided.
    pub decides: bool,
    /// Whether it matters little: nothing depends on it.
    pub faint: bool,
    /// The lines under it.
    pub under: Vec<Self>,
}

/// How something turned out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// It is so, or it passed.
    Yes,
    /// It is not so, or it did not pass.
    No,
    /// It is not known.
    Unknown,
    /// It was not come to.
    #[default]
    Aside,
}

impl Mark {
    /// One letter.
    #[must_use]
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Yes => "✓",
            Self::No => "✗",
            Self::Unknown => "?",
            Self::Aside => "·",
        }
    }

    const fn of(truth: Truth) -> Self {
        match truth {
            Truth::True => Self::Yes,
            Truth::False => Self::No,
            Truth::Unknown => Self::Unknown,
        }
    }
}

impl Explained {
    /// The explanation as an outline.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let mut under = vec![note(&self.request)];
        let hash: String = self.policy.hash.chars().take(8).collect();
        under.push(note(&format!("policy {} ({}@{hash})", self.policy.file, self.policy.name)));
        under.extend(self.assumed.iter().map(|assumed| note(&format!("assumed: {assumed}"))));
        under.extend(self.then());
        under.extend(Stage::ALL.into_iter().filter_map(|stage| self.stage(stage)));
        Outline {
            mark: match self.outlook {
                Outlook::Allow => Mark::Yes,
                Outlook::Deny => Mark::No,
                Outlook::Depends(_) => Mark::Unknown,
            },
            text: self.verdict().to_owned(),
            aside: self.because(),
            decides: true,
            under,
            ..Outline::default()
        }
    }

    /// `ALLOW`, `DENY` or `DEPENDS`.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match self.outlook {
            Outlook::Allow => "ALLOW",
            Outlook::Deny => "DENY",
            Outlook::Depends(_) => "DEPENDS",
        }
    }

    /// What decided, in a few words.
    #[must_use]
    pub fn because(&self) -> String {
        let decision = &self.trace.decision;
        if let Outlook::Depends(on) = &self.outlook {
            return format!("on {}", on.join(", and on "));
        }
        let rules: Vec<String> = self
            .trace
            .rules
            .iter()
            .filter(|rule| rule.determines)
            .map(|rule| match rule.place.line {
                0 => format!("`{}`", rule.id),
                line => format!("`{}` (line {line})", rule.id),
            })
            .collect();
        let by = match rules.is_empty() {
            true => format!("at {}", self.trace.stage.name()),
            false => format!("by {}", rules.join(", ")),
        };
        let mut told = format!("{}, {by}", decision.reason.code());
        if let Some(need) = &decision.approval {
            told.push_str(&format!("; {}", approval(need)));
        }
        if !decision.missing_scopes.is_empty() {
            told.push_str(&format!("; {} would help", decision.missing_scopes.join(", ")));
        }
        told
    }

    /// Of a record: what was decided then.
    fn then(&self) -> Option<Outline> {
        let (record, same) = self.recorded.as_ref()?;
        if *same {
            return None;
        }
        let effect = if record.allowed { "allowed" } else { "refused" };
        let by = match record.rules.is_empty() {
            true => String::new(),
            false => format!(", by {}", record.rules.join(", ")),
        };
        let when = record.time.to_rfc3339();
        Some(note(&format!("then ({when}): {effect}, {}{by}", record.reason)))
    }

    fn stage(&self, stage: Stage) -> Option<Outline> {
        let trace = &self.trace;
        let allowed = trace.decision.effect == Effect::Allow;
        let at = trace.stage == stage;
        // The token's own scopes are the last ceiling; of the request itself there is something to say
        // only where it decided.
        if matches!(stage, Stage::Request) && !at {
            return None;
        }
        if stage == Stage::TokenScopes && !at {
            return None;
        }
        let mark = match (trace.stage.cmp(&stage), allowed) {
            (std::cmp::Ordering::Greater, _) => Mark::Yes,
            (std::cmp::Ordering::Equal, true) => Mark::Yes,
            (std::cmp::Ordering::Equal, false) if matches!(self.outlook, Outlook::Depends(_)) => {
                Mark::Unknown
            }
            (std::cmp::Ordering::Equal, false) => Mark::No,
            (std::cmp::Ordering::Less, _) => Mark::Aside,
        };
        let under: Vec<Outline> = match stage {
            Stage::Ceilings => trace.ceilings.iter().map(ceilings::ceiling).collect(),
            Stage::Rules => trace.rules.iter().map(|one| self.rule(one)).collect(),
            _ if at => self.instead(),
            _ => Vec::new(),
        };
        let aside = match stage {
            _ if at && !allowed && self.recorded.is_none() => {
                trace.decision.reason.code().to_owned()
            }
            Stage::Identity if mark != Mark::Aside => who(trace),
            Stage::Mapping if mark != Mark::Aside => what(trace),
            _ if mark == Mark::Aside => "not come to".to_owned(),
            _ => String::new(),
        };
        Some(Outline {
            mark,
            text: stage.name().to_owned(),
            aside,
            decides: at,
            faint: mark == Mark::Aside,
            under,
            ..Outline::default()
        })
    }

    /// What there is where the request met nothing.
    fn instead(&self) -> Vec<Outline> {
        let mut told: Vec<Outline> =
            self.instead.iter().take(MAX_INSTEAD).map(|text| note(text)).collect();
        let left = self.instead.len().saturating_sub(MAX_INSTEAD);
        if left > 0 {
            told.push(note(&format!("{left} more")));
        }
        told
    }

    fn rule(&self, rule: &RuleTrace) -> Outline {
        let effect = match rule.effect {
            RuleEffect::Allow => "allow",
            RuleEffect::Deny => "deny",
        };
        let speaks = rule.action == Truth::True && rule.resource == Truth::True;
        let mut aside = vec![effect.to_owned(), said(rule, &self.trace)];
        if let Some(need) = rule.approval.as_ref().filter(|_| rule.truth != Truth::False) {
            aside.push(approval(need));
        }
        if rule.determines {
            aside.push("this decides".to_owned());
        }
        let mark = match (speaks, rule.truth) {
            (false, Truth::False) => Mark::Aside,
            (_, truth) => Mark::of(truth),
        };
        let condition = rule.condition.as_ref().map(|part| self.part(part));
        let unread = rule.when.as_ref().filter(|_| speaks && rule.condition.is_none());
        let unread = unread.map(|when| Outline { faint: true, ..note(when) });
        Outline {
            mark,
            text: rule.id.clone(),
            aside: aside
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join(" · "),
            line: rule.place.line,
            decides: rule.determines,
            faint: !speaks,
            under: condition.into_iter().chain(unread).collect(),
        }
    }

    fn part(&self, part: &Part) -> Outline {
        let values: Vec<String> = part.values.iter().map(|looked| self.looked(looked)).collect();
        let mut aside = values.join(", ");
        let mut add = |text: &str| {
            if !aside.is_empty() {
                aside.push_str("; ");
            }
            aside.push_str(text);
        };
        if part.out_of_steps {
            add("it takes too many steps");
        }
        if !part.reached {
            add("not needed");
        }
        if part.omitted > 0 {
            add(&format!("{} more", part.omitted));
        }
        let text = match part.kind {
            PartKind::All if part.parts.len() > 1 => "all of these".to_owned(),
            PartKind::Any if part.parts.len() > 1 => "any of these".to_owned(),
            PartKind::Not => "not".to_owned(),
            _ => part.text.clone(),
        };
        Outline {
            mark: Mark::of(part.truth),
            text,
            aside,
            faint: !part.reached,
            under: part.parts.iter().map(|part| self.part(part)).collect(),
            ..Outline::default()
        }
    }

    fn looked(&self, looked: &Looked) -> String {
        let name = &looked.name;
        match &looked.value {
            Shown::Known(value) => format!("{name} = {value}"),
            Shown::Pending(_) if self.recorded.is_some() => format!("{name} is not recorded"),
            Shown::Pending(sources) => format!("{name} is for {} to tell", source(*sources)),
            Shown::Unknown => format!("{name} is unknown"),
        }
    }
}

const fn source(sources: Sources) -> &'static str {
    match (sources.lookup, sources.response) {
        (true, false) => "a look-up",
        (false, true) => "the answer",
        _ => "a look-up and the answer",
    }
}

/// Why a rule speaks of the request, or does not.
fn said(rule: &RuleTrace, trace: &Trace) -> String {
    let asked = trace.asked.as_ref();
    match (rule.action, rule.resource, rule.truth) {
        (Truth::False, _, _) => {
            let actions: Vec<&str> = rule.actions.iter().map(|action| action.name()).collect();
            let asked = asked.map_or("this", |asked| asked.action.name());
            format!("speaks of {}, not of {asked}", actions.join(", "))
        }
        (_, Truth::False, _) => {
            let asked = asked.map_or("this", |asked| asked.resource.as_str());
            format!("speaks of {}, not of {asked}", rule.resources.join(", "))
        }
        (Truth::Unknown, _, _) | (_, Truth::Unknown, _) => "nothing it could speak of".to_owned(),
        (_, _, Truth::True) => "matches".to_owned(),
        (_, _, Truth::False) => "its condition is false".to_owned(),
        (_, _, Truth::Unknown) if trace.subject.is_none() && rule.condition.is_none() => {
            "nobody it could be asked of".to_owned()
        }
        (_, _, Truth::Unknown) if !rule.waits_for.is_empty() => "not settled".to_owned(),
        (_, _, Truth::Unknown) => match rule.effect {
            RuleEffect::Allow => "its condition is unknown, and only a true one allows".to_owned(),
            RuleEffect::Deny => "its condition is unknown, and only a false one spares".to_owned(),
        },
    }
}

/// What a person would have to do.
#[must_use]
pub fn approval(need: &ApprovalNeed) -> String {
    format!("needs approval ({})", need.tier.name())
}

fn who(trace: &Trace) -> String {
    let actors = trace.actors.join(" through ");
    match &trace.subject {
        None => "nobody known".to_owned(),
        Some((_, id)) if *id == actors => format!("{actors} for itself"),
        Some((realm, id)) => format!("{actors} for {id} ({realm})"),
    }
}

fn what(trace: &Trace) -> String {
    match &trace.asked {
        None => "nothing of the policy".to_owned(),
        Some(asked) => {
            format!("{} {} {}", asked.action, asked.resource, asked.id).trim().to_owned()
        }
    }
}

/// Text that moves no cursor and turns no line around: what does is shown as one replacement letter.
#[must_use]
pub fn plain(text: &str) -> String {
    let moves = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if moves(letter) { '\u{fffd}' } else { letter }).collect()
}

fn note(text: &str) -> Outline {
    Outline { text: text.to_owned(), ..Outline::default() }
}
