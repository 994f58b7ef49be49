//! Host, path and method -> resource, route and action.

use crate::policy::document::HttpRoute;
use crate::policy::error::Problem;
use crate::request::Action;
use std::collections::BTreeMap;

/// The longest variable of a template accepted unless the template says otherwise, in bytes.
const MAX_VARIABLE: u64 = 256;

/// All templates of a policy, by host.
#[derive(Clone, Default)]
pub(crate) struct Routes {
    by_host: BTreeMap<String, matchit::Router<u32>>,
    routes: Vec<Route>,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").field("routes", &self.routes).finish_non_exhaustive()
    }
}

/// One template, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Index of its resource.
    pub(crate) resource: u32,
    /// Its variables, in order.
    pub(crate) variables: Vec<Variable>,
    methods: Option<BTreeMap<String, Action>>,
}

impl Route {
    /// The variables' values in a record's id. None of them has a `/` in it, encoded or not.
    pub(crate) fn values<'a>(&self, id: &'a str) -> Vec<&'a str> {
        match self.variables.is_empty() {
            true => Vec::new(),
            false => id.split('/').collect(),
        }
    }
}

/// One variable of a template.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: String,
    form: Form,
    max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Any,
    Int,
    Uuid,
}

/// What a path came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// The route, the action, and the record's id: the variables' text, joined with `/`.
    Found { route: u32, action: Action, id: String },
    /// A variable is longer than its template allows: the request is malformed.
    TooLong,
    /// Nothing of the policy is meant.
    Unmapped,
}

impl Routes {
    /// Adds a template; says what is wrong with it.
    pub(crate) fn add(
        &mut self,
        host: &str,
        resource: u32,
        written: &HttpRoute,
        pointer: &str,
        problems: &mut Vec<Problem>,
    ) {
        let path_pointer = format!("{pointer}/path");
        let (plain, mut variables) = match template(&written.path) {
            Ok(parsed) => parsed,
            Err(message) => {
                problems.push(Problem::error(
                    path_pointer,
                    message,
                    "an absolute path such as `/v1/documents/{id}`",
                ));
                return;
            }
        };
        for variable in &mut variables {
            variable.max =
                usize::try_from(written.max.unwrap_or(MAX_VARIABLE)).unwrap_or(usize::MAX);
        }
        let Ok(number) = u32::try_from(self.routes.len()) else { return };
        let router = self.by_host.entry(host.to_owned()).or_default();
        if let Err(error) = router.insert(plain, number) {
            let message = match error {
                matchit::InsertError::Conflict { with } => {
                    format!("`{}` on host `{host}` means the same paths as `{with}`", written.path)
                }
                _ => format!("`{}` is not a path template", written.path),
            };
            problems.push(Problem::error(
                path_pointer,
                message,
                "each host and template once, in one resource",
            ));
            return;
        }
        self.routes.push(Route { resource, variables, methods: written.methods.clone() });
    }

    /// The most specific template that `path` (canonical) matches on `host`; it alone decides.
    pub(crate) fn find(&self, host: &str, path: &str, method: &str) -> Match {
        let Some(found) = self.by_host.get(host).and_then(|router| router.at(path).ok()) else {
            return Match::Unmapped;
        };
        let number = *found.value;
        let Some(route) = self.routes.get(number as usize) else { return Match::Unmapped };
        if found.params.len() != route.variables.len() {
            return Match::Unmapped;
        }
        let mut id = String::new();
        for (variable, (_, value)) in route.variables.iter().zip(found.params.iter()) {
            if value.len() > variable.max {
                return Match::TooLong;
            }
            if !variable.form.accepts(value) {
                return Match::Unmapped;
            }
            if !id.is_empty() {
                id.push('/');
            }
            id.push_str(value);
        }
        match route.action(method) {
            Some(action) => Match::Found { route: number, action, id },
            None => Match::Unmapped,
        }
    }

    /// Whether a template is for this host, spelt as routes spell it and without a port: what
    /// reading a request's host would come to.
    pub(crate) fn has_plain(&self, host: &str) -> bool {
        !host.contains(':') && self.by_host.contains_key(host)
    }

    /// The route with this number.
    pub(crate) fn route(&self, number: u32) -> Option<&Route> {
        self.routes.get(number as usize)
    }

    /// All routes.
    pub(crate) fn all(&self) -> &[Route] {
        &self.routes
    }
}

impl Route {
    /// The action of a method: a `methods` map is complete, otherwise HTTP's own classes.
    fn action(&self, method: &str) -> Option<Action> {
        match &self.methods {
            Some(methods) => methods.get(method).copied(),
            None => match method {
                "GET" | "HEAD" => Some(Action::Read),
                "POST" | "PUT" | "PATCH" => Some(Action::Write),
                "DELETE" => Some(Action::Delete),
                _ => None,
            },
        }
    }

    /// Every action some method leads to.
    pub(crate) fn actions(&self) -> Vec<Action> {
        match &self.methods {
            Some(methods) => methods.values().copied().collect(),
            None => vec![Action::Read, Action::Write, Action::Delete],
        }
    }
}

impl Form {
    fn accepts(self, value: &str) -> bool {
        match self {
            Self::Any => !value.is_empty(),
            // Canonical decimal, so that two spellings of one record cannot be told apart.
            Self::Int => {
                value == "0"
                    || (!value.is_empty()
                        && !value.starts_with('0')
                        && value.len() <= 19
                        && value.bytes().all(|b| b.is_ascii_digit()))
            }
            Self::Uuid => {
                value.len() == 36
                    && value.bytes().enumerate().all(|(at, b)| match at {
                        8 | 13 | 18 | 23 => b == b'-',
                        _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
                    })
            }
        }
    }
}

/// Splits `/a/{id:int}` into the router's form `/a/{id}` and its variables.
fn template(path: &str) -> Result<(String, Vec<Variable>), String> {
    if !path.starts_with('/') {
        return Err(format!("`{path}` is not an absolute path"));
    }
    let mut plain = String::with_capacity(path.len());
    let mut variables: Vec<Variable> = Vec::new();
    let mut segments = path.split('/');
    segments.next();
    let count = segments.clone().count();
    for (at, segment) in segments.enumerate() {
        plain.push('/');
        if let Some(inner) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let (name, form) = match inner.split_once(':') {
                None => (inner, Form::Any),
                Some((name, "int")) => (name, Form::Int),
                Some((name, "uuid")) => (name, Form::Uuid),
                Some((_, other)) => return Err(format!("`{other}` is not a form of a variable")),
            };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(format!("`{{{inner}}}` is not a variable"));
            }
            if variables.iter().any(|variable| variable.name == name) {
                return Err(format!("`{path}` has two variables called `{name}`"));
            }
            plain.push('{');
            plain.push_str(name);
            plain.push('}');
            variables.push(Variable { name: name.to_owned(), form, max: 0 });
        } else if segment.is_empty() && (at + 1 < count || (path.len() > 1 && count == 1)) {
            return Err(format!("`{path}` has an empty segment"));
        } else if segment.contains(['{', '}']) {
            return Err(format!("`{segment}` mixes a variable with text"));
        } else if segment == "."
            || segment == ".."
            || !segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&b))
        {
            // Canonical paths never hold anything else unencoded, so it could never match.
            return Err(format!("`{segment}` can never stand in a canonical path"));
        } else {
            plain.push_str(segment);
        }
    }
    Ok((plain, variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[&str]) -> (Routes, Vec<Problem>) {
        let (mut routes, mut problems) = (Routes::default(), Vec::new());
        for (at, path) in paths.iter().enumerate() {
            let written = HttpRoute { path: (*path).to_owned(), ..HttpRoute::default() };
            let at = u32::try_from(at).unwrap();
            routes.add("api", at, &written, "/resources/x/http/0", &mut problems);
        }
        (routes, problems)
    }

    fn resource(routes: &Routes, path: &str) -> Option<u32> {
        match routes.find("api", path, "GET") {
            Match::Found { route, .. } => routes.route(route).map(|r| r.resource),
            _ => None,
        }
    }

    #[test]
    fn the_most_specific_template_decides() {
        let (routes, problems) = routes(&["/d/{id}", "/d/search", "/d/{id}/parts/{part:int}", "/"]);
        assert_eq!(problems, []);
        assert_eq!(resource(&routes, "/d/search"), Some(1));
        assert_eq!(resource(&routes, "/d/7"), Some(0));
        assert_eq!(resource(&routes, "/d/7/parts/12"), Some(2));
        assert_eq!(resource(&routes, "/d/7/parts/012"), None);
        assert_eq!(resource(&routes, "/"), Some(3));
        for path in ["/d", "/d/", "/d/7/", "/D/7", "/d/7/x"] {
            assert_eq!(resource(&routes, path), None, "{path}");
        }
    }

    #[test]
    fn two_templates_of_one_meaning_do_not_load() {
        let (_, problems) = routes(&["/d/{id}", "/d/{name}"]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("means the same paths as `/d/{id}`"));
    }

    #[test]
    fn templates_that_could_never_match_do_not_load() {
        for path in
            ["d", "/a//b", "/a/{x", "/a/b{x}", "/a/../b", "/a b", "/a/{x:hex}", "/a/{x}/{x}"]
        {
            assert_eq!(routes(&[path]).1.len(), 1, "{path}");
        }
    }

    #[test]
    fn a_method_nobody_named_is_unmapped() {
        let (routes, _) = routes(&["/d"]);
        for method in ["OPTIONS", "TRACE", "get", "PROPFIND", ""] {
            assert_eq!(routes.find("api", "/d", method), Match::Unmapped);
        }
        assert_eq!(routes.find("other", "/d", "GET"), Match::Unmapped);
    }

    #[test]
    fn uuids_are_lower_case() {
        assert!(Form::Uuid.accepts("6e74172b-0000-4000-8000-00000000000a"));
        assert!(!Form::Uuid.accepts("6E74172B-0000-4000-8000-00000000000A"));
        assert!(!Form::Uuid.accepts("6e74172b00004000800000000000000a"));
    }
}
