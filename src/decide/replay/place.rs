//! Where a recorded request leads under a policy.

use super::Told;
use crate::policy::compiled::Policy;
use crate::policy::routes::Match;
use crate::request::{Action, path};

/// What a path means to a policy.
pub(super) enum Place {
    Found {
        resource: u32,
        route: u32,
        action: Action,
        id: String,
    },
    Unmapped,
    /// The path is not whole.
    Unknown,
}

/// Where the request leads.
pub(super) fn place(policy: &Policy, told: &Told<'_>) -> Place {
    if !told.is_whole("http.path") || !told.is_whole("http.host") {
        return Place::Unknown;
    }
    let decoded = path::decode(told.path);
    match policy.routes.find(told.host, &decoded, told.method) {
        Match::Found { route, action, id } => {
            let Some(found) = policy.routes.route(route) else { return Place::Unmapped };
            Place::Found { resource: found.resource, route, action, id }
        }
        Match::TooLong | Match::Unmapped => Place::Unmapped,
    }
}

/// The place a record names, where the path that led there is not whole.
pub(super) fn recorded_place(policy: &Policy, told: &Told<'_>) -> Place {
    let found = (0..).zip(&policy.resources).find(|(_, entry)| entry.id == told.resource);
    match (found, Action::parse(told.action)) {
        (Some((resource, _)), Some(action)) => {
            Place::Found { resource, route: u32::MAX, action, id: String::new() }
        }
        _ => Place::Unmapped,
    }
}
