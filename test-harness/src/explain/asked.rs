//! The request to explain, from a command line, a line of curl, a JSON file or a record.

use super::curl;
use ambit::trace::Recorded;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Values of a record's attributes, which else a look-up or the answer would tell.
pub type Attributes = BTreeMap<String, Value>;

/// One request, and by whom.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// `GET`, or `POST` with a body, unless said.
    pub method: Option<String>,
    /// Absolute, or a path alone at the first host of the policy.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The user; of an agent that acts for users, `alice` unless said.
    pub subject: Option<String>,
    /// Agents, outermost first: names of the policy or client ids. The only one there is unless said.
    pub actors: Vec<String>,
    /// The user's groups.
    pub groups: Option<Vec<String>>,
    /// The token's scopes, separated by spaces; everything unless said.
    pub scope: Option<String>,
    /// More claims of the token; null takes one away.
    pub claims: Map<String, Value>,
    /// Instead: a token. Its signature is not checked.
    pub token: Option<String>,
    /// SPIFFE ids of the client's certificate; the agent's own, where the policy reads them.
    pub peer: Vec<String>,
    /// Whether no token is presented.
    pub anonymous: bool,
    /// What look-ups and the answer say of the record.
    pub attributes: Attributes,
    /// When, as in RFC 3339; now unless said.
    pub at: Option<String>,
}

/// What somebody wants to have explained.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// A request.
    Request(Box<Asked>),
    /// A record of one.
    Record(Box<Recorded>),
}

/// Reads a request that is given as one text: a URL, a line of curl, JSON, or the name of a file that
/// holds JSON or records. Of several records `id` names one.
///
/// # Errors
/// It is none of these, in words.
pub fn read_request(text: &str, id: Option<&str>) -> Result<Wanted, String> {
    let trimmed = text.trim();
    if trimmed.starts_with('{') {
        return read_json(trimmed, "the request", id);
    }
    if trimmed == "curl" || trimmed.starts_with("curl ") {
        return curl::read(trimmed).map(|asked| Wanted::Request(Box::new(asked)));
    }
    if trimmed.starts_with("http://") || trimmed.starts_with("https://") {
        let asked = Asked { url: trimmed.to_owned(), ..Asked::default() };
        return Ok(Wanted::Request(Box::new(asked)));
    }
    if trimmed == "-" || Path::new(text).is_file() {
        let read = match trimmed {
            "-" => std::io::read_to_string(std::io::stdin()),
            _ => std::fs::read_to_string(text),
        };
        let inside = read.map_err(|error| format!("{text}: {error}"))?;
        return match inside.trim_start().starts_with("curl ") {
            true => curl::read(inside.trim()).map(|asked| Wanted::Request(Box::new(asked))),
            false => read_json(inside.trim(), text, id),
        };
    }
    if trimmed.starts_with('/') {
        let asked = Asked { url: trimmed.to_owned(), ..Asked::default() };
        return Ok(Wanted::Request(Box::new(asked)));
    }
    Err(format!(
        "`{text}` is no request; expected a URL, a path, a line that begins with `curl`, JSON, or a file"
    ))
}

fn read_json(text: &str, name: &str, id: Option<&str>) -> Result<Wanted, String> {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let is_record = value.get("ambit").is_some() || value.get("reason").is_some();
        if !is_record {
            let asked = from_json(value).map_err(|error| format!("{name}: {error}"))?;
            return Ok(Wanted::Request(Box::new(asked)));
        }
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut records = Vec::new();
    for (at, line) in lines.enumerate() {
        let record = Recorded::read(line).map_err(|error| format!("{name}:{}: {error}", at + 1))?;
        records.push(record);
    }
    let found = match (id, records.len()) {
        (Some(id), _) => records.into_iter().find(|record| record.id == id),
        (None, 0 | 1) => records.pop(),
        (None, many) => {
            return Err(format!("{name} holds {many} records; expected `--id`, one of their ids"));
        }
    };
    match (found, id) {
        (Some(record), _) => Ok(Wanted::Record(Box::new(record))),
        (None, Some(id)) => Err(format!("{name} has no record `{id}`")),
        (None, None) => Err(format!("{name} is empty")),
    }
}

/// A request as JSON; headers, actor and groups may be written the short way.
fn from_json(mut value: Value) -> Result<Asked, String> {
    let Value::Object(members) = &mut value else {
        return Err("a request is an object, such as `{\"url\": \"https://…\"}`".to_owned());
    };
    if let Some(Value::Object(headers)) = members.get("headers") {
        let pairs: Vec<Value> = headers
            .iter()
            .map(|(name, value)| Value::Array(vec![name.clone().into(), value.clone()]))
            .collect();
        members.insert("headers".to_owned(), Value::Array(pairs));
    }
    if let Some(actor) = members.remove("actor") {
        members.insert("actors".to_owned(), Value::Array(vec![actor]));
    }
    if let Some(body) = members.get_mut("body")
        && !body.is_string()
    {
        *body = Value::String(body.to_string());
    }
    let asked: Asked = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if asked.url.is_empty() {
        return Err("a request without `url`".to_owned());
    }
    Ok(asked)
}

/// `name=value` of a command line, the value as JSON where it is some.
///
/// # Errors
/// There is no `=`.
pub fn assignment(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| format!("`{text}` sets nothing; expected `name=value`"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((name.to_owned(), value))
}

/// `Name: value`.
///
/// # Errors
/// There is no `:`.
pub fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .filter(|(name, _)| !name.trim().is_empty())
        .ok_or_else(|| format!("`{text}` is no header; expected `name: value`"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Asked {
        match read_request(text, None) {
            Ok(Wanted::Request(asked)) => *asked,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_a_url_a_curl_line_or_json() {
        assert_eq!(request("https://api.example.com/v1/x").url, "https://api.example.com/v1/x");
        assert_eq!(request("/v1/x").url, "/v1/x");
        let curl = request("curl -X PUT -d '{\"a\": 1}' https://api.example.com/v1/x");
        let json =
            request(r#"{"method": "PUT", "url": "https://api.example.com/v1/x", "body": {"a":1}}"#);
        assert_eq!((curl.method.as_deref(), curl.body.as_str()), (Some("PUT"), "{\"a\": 1}"));
        assert_eq!((json.method.as_deref(), json.body.as_str()), (Some("PUT"), "{\"a\":1}"));
        let json = request(r#"{"url": "/x", "headers": {"a": "b"}, "actor": "bot"}"#);
        assert_eq!((json.headers[0].0.as_str(), json.actors), ("a", vec!["bot".to_owned()]));
    }

    #[test]
    fn what_is_no_request_says_what_was_expected() {
        for (text, says) in [
            ("nonsense", "expected a URL"),
            ("{\"url\": 1}", "invalid type"),
            ("{\"uri\": \"x\"}", "unknown field `uri`"),
            ("{}", "a request without `url`"),
            ("{\"reason\": \"denied\", \"v\": 2}", "a record of another version"),
            ("curl", "no URL"),
        ] {
            let error = read_request(text, None).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn of_several_records_one_is_named() {
        let line = |id: &str| format!(r#"{{"v": 1, "id": "{id}", "reason": "denied"}}"#);
        let log = format!("{}\n{}\n", line("a"), line("b"));
        let error = read_json(&log, "log", None).unwrap_err();
        assert_eq!(error, "log holds 2 records; expected `--id`, one of their ids");
        match read_json(&log, "log", Some("b")) {
            Ok(Wanted::Record(record)) => assert_eq!(record.id, "b"),
            other => panic!("{other:?}"),
        }
        assert!(read_json(&log, "log", Some("c")).is_err());
    }
}
