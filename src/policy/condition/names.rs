//! What a name in a condition stands for.

use super::{ConditionError, Declarations, Slot};
use crate::policy::value::ValueType;

/// The names a condition may begin with.
const ROOTS: [&str; 6] = ["action", "actor", "args", "request", "resource", "subject"];

/// A root with members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Actor,
    Request,
    Resource,
    Subject,
}

/// What a root name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A value by itself: its fact, and whether it is `dyn` (else a string).
    Action,
    Args,
    Members(Root),
}

/// What `name` is, where it is a root.
pub(super) fn root(name: &str) -> Option<Named> {
    Some(match name {
        "action" => Named::Action,
        "actor" => Named::Members(Root::Actor),
        "args" => Named::Args,
        "request" => Named::Members(Root::Request),
        "resource" => Named::Members(Root::Resource),
        "subject" => Named::Members(Root::Subject),
        _ => return None,
    })
}

/// The error for a name that is none.
pub(super) fn unknown_root(name: &str) -> ConditionError {
    ConditionError::new(
        format!("unknown name `{name}`{}", suggestion(name, ROOTS.into_iter(), "")),
        one_of(&ROOTS.map(|root| format!("`{root}`"))),
    )
}

impl Root {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Request => "request",
            Self::Resource => "resource",
            Self::Subject => "subject",
        }
    }

    /// Members every policy has.
    const fn fixed(self) -> &'static [(&'static str, Slot, Kind)] {
        match self {
            Self::Actor => &[
                ("chain", Slot::ActorChain, Kind::Strings),
                ("id", Slot::ActorId, Kind::String),
                ("issuer", Slot::ActorIssuer, Kind::String),
                ("mode", Slot::ActorMode, Kind::String),
            ],
            Self::Request => &[
                ("host", Slot::RequestHost, Kind::String),
                ("method", Slot::RequestMethod, Kind::String),
                ("path", Slot::RequestPath, Kind::String),
                ("time", Slot::RequestTime, Kind::Timestamp),
            ],
            Self::Resource => &[
                ("id", Slot::ResourceId, Kind::String),
                ("type", Slot::ResourceType, Kind::String),
            ],
            Self::Subject => &[
                ("groups", Slot::SubjectGroups, Kind::Strings),
                ("id", Slot::SubjectId, Kind::String),
                ("issuer", Slot::SubjectIssuer, Kind::String),
                ("realm", Slot::SubjectRealm, Kind::String),
                ("scopes", Slot::SubjectScopes, Kind::Strings),
            ],
        }
    }

    /// The fact that `<root>.<member>` is, and its type.
    pub(super) fn member(
        self,
        member: &str,
        declarations: &Declarations<'_>,
    ) -> Result<(Slot, ValueType), ConditionError> {
        if let Some((_, slot, kind)) = self.fixed().iter().find(|(name, ..)| *name == member) {
            return Ok((*slot, kind.value_type()));
        }
        let declared = self.declared(declarations);
        let mut found = declared.iter().filter(|(name, ..)| *name == member);
        match (found.next(), found.next()) {
            (Some((_, value_type, slot)), None) => Ok((*slot, (*value_type).clone())),
            (Some(_), Some(_)) => Err(ConditionError::new(
                format!("`{}.{member}` is declared twice", self.name()),
                "one declaration",
            )),
            (None, _) => Err(self.unknown_member(member, declarations)),
        }
    }

    fn declared<'a>(self, declarations: &Declarations<'a>) -> Vec<(&'a str, &'a ValueType, Slot)> {
        match self {
            Self::Resource => declarations
                .attributes
                .iter()
                .map(|(name, value_type, number)| {
                    (name.as_str(), value_type, Slot::ResourceAttribute(*number))
                })
                .collect(),
            Self::Subject => (0..)
                .zip(declarations.claims)
                .map(|(at, (name, value_type))| (name.as_str(), value_type, Slot::SubjectClaim(at)))
                .collect(),
            Self::Actor | Self::Request => Vec::new(),
        }
    }

    fn unknown_member(self, member: &str, declarations: &Declarations<'_>) -> ConditionError {
        let root = self.name();
        let members = self.members(declarations);
        let prefix = format!("{root}.");
        let suggestion = suggestion(member, members.iter().copied(), &prefix);
        ConditionError::new(
            format!("unknown name `{root}.{member}`{suggestion}"),
            self.expected_members(declarations),
        )
    }

    /// For errors: the members there are, and where more could be declared.
    pub(super) fn expected_members(self, declarations: &Declarations<'_>) -> String {
        let root = self.name();
        let members: Vec<String> =
            self.members(declarations).iter().map(|member| format!("`{root}.{member}`")).collect();
        let declare = match self {
            Self::Resource => "; more can be declared under `attributes` of the resource",
            Self::Subject => "; more can be declared under `claims` of the issuer",
            Self::Actor | Self::Request => "",
        };
        one_of(&members) + declare
    }

    fn members<'a>(self, declarations: &Declarations<'a>) -> Vec<&'a str> {
        let fixed = self.fixed().iter().map(|(name, ..)| *name);
        let declared = self.declared(declarations).into_iter().map(|(name, ..)| name);
        let mut members: Vec<&str> = fixed.chain(declared).collect();
        members.sort_unstable();
        members.dedup();
        members
    }
}

/// Types of the members every policy has.
#[derive(Clone, Copy, Debug)]
enum Kind {
    String,
    Strings,
    Timestamp,
}

impl Kind {
    fn value_type(self) -> ValueType {
        match self {
            Self::String => ValueType::String,
            Self::Strings => ValueType::List(Box::new(ValueType::String)),
            Self::Timestamp => ValueType::Timestamp,
        }
    }
}

/// `a`, `b` or `c`.
pub(super) fn one_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// ` (did you mean …?)` where some name is close enough to be what was meant.
fn suggestion<'a>(written: &str, names: impl Iterator<Item = &'a str>, prefix: &str) -> String {
    nearest(written, names)
        .map_or_else(String::new, |name| format!(" (did you mean `{prefix}{name}`?)"))
}

/// The name that is close enough to be what was meant.
pub(crate) fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let tolerance = if written.chars().count() < 4 { 1 } else { 2 };
    names
        .map(|name| (distance(written, name), name))
        .filter(|(distance, _)| *distance <= tolerance)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be added, dropped or changed to turn one name into the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().take(64).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        let mut next = vec![left];
        for (other, above) in to.iter().zip(row.iter().skip(1)) {
            let changed = diagonal + usize::from(letter != *other);
            left = changed.min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (from, to, letters) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("tenent", "tenant", 1), ("abc", "cab", 2)]
        {
            assert_eq!(distance(from, to), letters, "{from} {to}");
        }
    }
}
