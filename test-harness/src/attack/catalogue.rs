//! The catalogue's files: lines of data, some of which stand for a list of cases.

use super::possession::Proof;
use super::token::Recipe;
use ambit::policy::read::{read_yaml, to_json};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// All files, expanded.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Every case, classes in the order of their files' names.
    pub cases: Vec<Case>,
}

/// One attack, or one good request.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its class: the file it stands in.
    pub class: String,
    /// Its name, once in the catalogue.
    pub id: String,
    /// What it tries, in a line.
    pub tries: String,
    /// Requests in order; the last is the case, those before prepare it.
    pub steps: Vec<Request>,
    /// For a good request: what must come of it.
    pub expect: Option<Expect>,
}

/// What must come of a good request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Whether the gateway answers in the upstream's place.
    #[serde(default)]
    pub answered: bool,
    /// The path and query that the upstream gets, where it matters.
    #[serde(default)]
    pub path: Option<String>,
    /// The body that the upstream gets, where it matters.
    #[serde(default)]
    pub body: Option<String>,
    /// Headers that the upstream gets.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

/// One request as it is written.
///
/// In texts `{T}` is the token, `{D}` the proof of possession, `{ALICE}` and `{BOB}` good tokens of these, `{CASE}` the mark by which
/// the upstream knows the case, `{ID}` the header in which a gateway tells the upstream who asks,
/// `{rep:TEXT:N}` N times TEXT; `\xNN`, `\r`, `\n`, `\t` and `\\` are those bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Who this really is: what that caller may do is no attack. `nobody` may nothing.
    #[serde(default = "nobody")]
    pub caller: String,
    /// Instead of the caller's rights: `METHOD /path` each, `*` for a segment.
    #[serde(default)]
    pub may: Option<Vec<String>>,
    /// The token.
    #[serde(default)]
    pub token: Option<Recipe>,
    /// `Authorization`, where there is a token.
    #[serde(default = "bearer")]
    pub auth: Option<String>,
    /// The proof of possession in `DPoP`, where there is one (RFC 9449 §4).
    #[serde(default)]
    pub proof: Option<Proof>,
    /// Method.
    #[serde(default = "get")]
    pub method: String,
    /// Target, with its query.
    #[serde(default = "root")]
    pub path: String,
    /// Host; null for none.
    #[serde(default = "host")]
    pub host: Option<String>,
    /// More headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// A body of known length.
    #[serde(default)]
    pub body: Option<String>,
    /// A body in chunks.
    #[serde(default)]
    pub chunks: Vec<String>,
    /// Trailers of a body in chunks.
    #[serde(default)]
    pub trailers: Vec<(String, String)>,
    /// The bytes themselves, instead of all of the above but the token.
    #[serde(default)]
    pub raw: Option<String>,
    /// Whether it is sent as HTTP/2.
    #[serde(default)]
    pub h2: bool,
    /// HTTP/2 fields that replace the usual pseudo headers; null takes one away.
    #[serde(default)]
    pub pseudo: Map<String, Value>,
    /// Milliseconds to wait before it is sent.
    #[serde(default)]
    pub wait: u64,
    /// Whether the next step uses the same connection.
    #[serde(default)]
    pub keep: bool,
}

fn nobody() -> String {
    "nobody".to_owned()
}

fn bearer() -> Option<String> {
    Some("Bearer {T}".to_owned())
}

fn get() -> String {
    "GET".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

fn host() -> Option<String> {
    Some(super::world::HOST.to_owned())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    #[serde(default)]
    defaults: Map<String, Value>,
    cases: Vec<Map<String, Value>>,
}

impl Catalogue {
    /// Reads and expands every file of a folder.
    ///
    /// # Errors
    /// A file cannot be read, a line is not as it should be, or two cases have one id.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let entries =
            std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        paths.sort();
        let mut cases = Vec::new();
        for path in paths {
            let name = path.display().to_string();
            let class = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
            let read = read_file(&name, &class.unwrap_or_default(), &text)
                .map_err(|error| format!("{name}: {error}"))?;
            cases.extend(read);
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = cases.iter().find(|case| !seen.insert(case.id.clone())) {
            return Err(format!("two cases are called `{}`", twice.id));
        }
        Ok(Self { cases })
    }
}

fn read_file(name: &str, class: &str, text: &str) -> Result<Vec<Case>, String> {
    let source = read_yaml(name, text).map_err(|errors| errors.to_string())?;
    let file: File =
        serde_json::from_value(to_json(&source.root)).map_err(|error| error.to_string())?;
    let mut cases = Vec::new();
    for line in file.cases {
        let named = line.get("id").and_then(Value::as_str).unwrap_or("a line without an id");
        let named = named.to_owned();
        let expanded =
            expand(line, class, &file.defaults).map_err(|error| format!("`{named}`: {error}"))?;
        cases.extend(expanded);
    }
    Ok(cases)
}

/// A line's cases: one, or one for each of `each`, times each of `with`.
fn expand(
    mut line: Map<String, Value>,
    class: &str,
    defaults: &Map<String, Value>,
) -> Result<Vec<Case>, String> {
    let mut list = |name: &str| match line.remove(name) {
        None => Ok(vec![None]),
        Some(Value::Array(values)) => Ok(values.into_iter().map(Some).collect()),
        Some(_) => Err(format!("`{name}` is a list")),
    };
    let (firsts, seconds) = (list("each")?, list("with")?);
    let many = firsts.len().saturating_mul(seconds.len()) > 1;
    let mut cases = Vec::new();
    for first in &firsts {
        for second in &seconds {
            let mut one = Value::Object(line.clone());
            replace(&mut one, "<1>", first.as_ref());
            replace(&mut one, "<2>", second.as_ref());
            let Value::Object(one) = one else { continue };
            let mut case = read_case(one, class, defaults)?;
            if many {
                case.id = format!("{}.{}", case.id, cases.len().saturating_add(1));
            }
            cases.push(case);
        }
    }
    Ok(cases)
}

/// A parameter in place of its mark: as a value where nothing else stands there, else as text.
fn replace(value: &mut Value, mark: &str, parameter: Option<&Value>) {
    let Some(parameter) = parameter else { return };
    match value {
        Value::String(text) if text == mark => *value = parameter.clone(),
        Value::String(text) => {
            let inserted = match parameter {
                Value::String(inserted) => inserted.clone(),
                other => other.to_string(),
            };
            *text = text.replace(mark, &inserted);
        }
        Value::Array(values) => {
            values.iter_mut().for_each(|value| replace(value, mark, Some(parameter)));
        }
        Value::Object(members) => {
            let old = std::mem::take(members);
            for (name, mut value) in old {
                replace(&mut value, mark, Some(parameter));
                let name = match parameter {
                    Value::String(inserted) => name.replace(mark, inserted),
                    _ => name,
                };
                members.insert(name, value);
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) => {}
    }
}

fn read_case(
    mut line: Map<String, Value>,
    class: &str,
    defaults: &Map<String, Value>,
) -> Result<Case, String> {
    let mut text = |name: &str| match line.remove(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(format!("`{name}` is missing")),
    };
    let (id, tries) = (text("id")?, text("tries")?);
    let before = match line.remove("before") {
        None => Vec::new(),
        Some(Value::Array(steps)) => steps,
        Some(_) => return Err("`before` is a list".to_owned()),
    };
    let mut defaults = defaults.clone();
    let usual = defaults.remove("expect");
    let expect = line.remove("expect").or(usual).map(serde_json::from_value).transpose();
    let expect = expect.map_err(|error| format!("expect: {error}"))?;
    let mut steps = Vec::new();
    for step in before.into_iter().chain([Value::Object(line)]) {
        let Value::Object(step) = step else { return Err("a step is a mapping".to_owned()) };
        let mut whole = defaults.clone();
        whole.extend(step);
        steps.push(serde_json::from_value(Value::Object(whole)).map_err(|e| e.to_string())?);
    }
    Ok(Case { class: class.to_owned(), id: format!("{class}/{id}"), tries, steps, expect })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stands_for_each_of_its_parameters_with_each_of_the_others() {
        let text = "about: x\ndefaults: { path: /p }\ncases:\n  - { id: a, tries: \"<1> as <2>\", each: [x, 1], with: [y, z], headers: [[\"x-<1>\", \"<2>\"]], token: { claims: { exp: \"<1>\" } } }\n";
        let cases = read_file("f", "c", text).unwrap();
        let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids, ["c/a.1", "c/a.2", "c/a.3", "c/a.4"]);
        let last = cases.last().unwrap();
        assert_eq!((last.tries.as_str(), last.steps.len()), ("1 as z", 1));
        let step = last.steps.first().unwrap();
        assert_eq!(step.headers, [("x-1".to_owned(), "z".to_owned())]);
        assert_eq!(step.path, "/p");
        assert_eq!(step.token.as_ref().unwrap().claims.get("exp"), Some(&Value::from(1)));
    }

    #[test]
    fn the_catalogue_is_readable_and_as_broad_as_it_says() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("attacks");
        let cases = Catalogue::read(&folder).unwrap().cases;
        let (good, attacks): (Vec<_>, Vec<_>) =
            cases.iter().partition(|case| case.expect.is_some());
        assert!(attacks.len() >= 600, "{} attacks", attacks.len());
        assert!(good.len() >= 60, "{} good requests", good.len());
        let classes: BTreeSet<&str> = attacks.iter().map(|case| case.class.as_str()).collect();
        assert!(classes.len() >= 8, "{classes:?}");
    }
}
