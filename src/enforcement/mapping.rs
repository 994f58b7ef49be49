//! What a request is for: host, path and method, mapped to action and resource.

use super::{Enforcement, lookup};
use crate::decision::Reason;
use crate::policy::routes::Match;
use crate::request::{Action, path};

/// What the request maps to.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) resource: u32,
    pub(super) route: u32,
    pub(super) action: Action,
    pub(super) id: String,
}

impl Enforcement {
    /// Maps host, path and method to action and resource.
    pub(super) fn map(&mut self) -> Result<Option<Route>, Reason> {
        let policy = &self.engine.policy;
        // Decoded, or an encoding would lead past a literal that the upstream decodes.
        let path = path::decode(&self.asked.path);
        let found = policy.routes.find(&self.asked.host, &path, &self.asked.method);
        let (number, action, id) = match found {
            Match::Found { route, action, id } => (route, action, id),
            Match::TooLong => return Err(Reason::MalformedRequest),
            Match::Unmapped => return Ok(None),
        };
        let Some(route) = policy.routes.route(number) else { return Ok(None) };
        let Some(resource) = policy.resources.get(route.resource as usize) else { return Ok(None) };
        if !resource.attributes.is_empty() {
            // Only a plain read can be sent and its answer held back.
            let can_hold = action == Action::Read && self.asked.method == "GET";
            let values = route.values(&id);
            self.attributes = lookup::initial(resource, &route.variables, &values, can_hold);
        }
        Ok(Some(Route { resource: route.resource, route: number, action, id }))
    }
}
