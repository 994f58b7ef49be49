//! `resources`: audiences, paths, attributes.

use super::values::{At, Walk};
use crate::policy::document::{
    Attribute, AttributeSource, Credentials, HttpRoute, Lookup, PerRecord, Resource,
};
use crate::policy::keys;
use crate::request::Action;
use std::collections::BTreeMap;

impl Walk {
    pub(super) fn resource(&mut self, at: At<'_>) -> Resource {
        let Some(map) = self.map_by_name(at, "resources.<type>") else {
            return Resource::default();
        };
        let credentials = [("keep", Credentials::Keep), ("strip", Credentials::Strip)];
        let per_record = [("none", PerRecord::None), ("upstream", PerRecord::Upstream)];
        let texts =
            |walk: &mut Self, name| map.get(name).map(|at| walk.texts(at)).unwrap_or_default();
        let attributes = map.get("attributes").map(|at| self.members(at)).unwrap_or_default();
        let routes = map.get("http").map(|at| self.list(at)).unwrap_or_default();
        Resource {
            audience: self.text_of(&map, "audience"),
            title: self.text_of(&map, "title"),
            by_scope: map.get("by_scope").map(|at| self.actions(at)).unwrap_or_default(),
            credentials: self.choice_of(&map, "credentials", &credentials).unwrap_or_default(),
            per_record: self.choice_of(&map, "per_record", &per_record),
            attributes: attributes
                .into_iter()
                .filter_map(|(name, at)| self.attribute(at).map(|attribute| (name, attribute)))
                .collect(),
            http: routes.into_iter().filter_map(|at| self.route(at)).collect(),
            headers: texts(self, "headers"),
            understands_approval: map
                .get("understands_approval")
                .and_then(|at| self.truth(at))
                .unwrap_or_default(),
            cors_origins: texts(self, "cors_origins"),
        }
    }

    fn attribute(&mut self, at: At<'_>) -> Option<Attribute> {
        let map = self.map_by_name(at, "resources.<type>.attributes.<name>")?;
        let value_type = map.get("type").and_then(|at| self.value_type(at));
        let from = map.get("from").and_then(|at| self.source(at));
        Some(Attribute { value_type: value_type?, from: from? })
    }

    fn source(&mut self, at: At<'_>) -> Option<AttributeSource> {
        if at.node.member("lookup").is_some() {
            let map = self.map(at, &keys::FROM_LOOKUP)?;
            let map = self.map(map.get("lookup")?, &keys::LOOKUP)?;
            let host = self.text_of(&map, "host");
            let (cluster, path) = (self.text_of(&map, "cluster"), self.text_of(&map, "path"));
            let pointer = self.text_of(&map, "pointer")?;
            if !pointer.starts_with('/') {
                let message = format!("`{pointer}` is not a JSON pointer");
                self.error(&map.at("pointer"), message, "a pointer such as `/owner`");
            }
            return Some(AttributeSource::Lookup(Lookup {
                cluster: cluster?,
                host,
                path: path?,
                pointer,
            }));
        }
        if at.node.member("response").is_some() {
            let map = self.map(at, &keys::FROM_RESPONSE)?;
            return self.text_of(&map, "response").map(AttributeSource::Response);
        }
        if at.node.member("path").is_some() {
            let map = self.map(at, &keys::FROM_PATH)?;
            return self.text_of(&map, "path").map(AttributeSource::Path);
        }
        let message = format!("{} says no source", at.node.kind_name());
        self.error(&at.pointer, message, "`path`, `lookup` or `response`");
        None
    }

    fn route(&mut self, at: At<'_>) -> Option<HttpRoute> {
        let map = self.map_by_name(at, "resources.<type>.http[]")?;
        let host = self.text_of(&map, "host");
        let max = map.get("max").and_then(|at| self.size(at));
        let methods = map.get("methods").map(|at| self.methods(at));
        Some(HttpRoute { host, path: self.text_of(&map, "path")?, methods, max })
    }

    fn methods(&mut self, at: At<'_>) -> BTreeMap<String, Action> {
        let members = self.members(at);
        let mut methods = BTreeMap::new();
        for (name, at) in members {
            let token = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
            if name.is_empty() || !name.bytes().all(token) || name == "CONNECT" {
                let message = format!("`{name}` is not a method");
                self.key_error(&at.pointer, message, "an upper-case name such as `POST`");
            }
            if let Some(action) = self.action(at) {
                methods.insert(name, action);
            }
        }
        methods
    }
}
