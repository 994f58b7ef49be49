//! One request through the core, from its bytes to its trace.

use super::asked::{Asked, Attributes};
use super::instead::instead;
use super::keys::{algorithms, engine};
use super::mint::{self, Minted};
use crate::proof::{About, Proof};
use ambit::Timestamp;
use ambit::decision::{Decision, Effect};
use ambit::enforcement::{
    Answer, Callout, CalloutReply, Enforcement, Engine, Event, Ids, Memory, Question,
    SignatureVerdict, Step,
};
use ambit::policy::document::{ActorSource, AttributeSource, Document};
use ambit::policy::read::read_yaml;
use ambit::policy::{Policy, walk};
use ambit::trace::{Outlook, Recorded, Trace};
use serde_json::Value;
use std::rc::Rc;

/// A request, and why it is answered as it is.
#[derive(Debug)]
pub struct Explained {
    /// The policy's file, name, hash and text.
    pub policy: PolicyText,
    /// The request in one line.
    pub request: String,
    /// What led to the decision.
    pub trace: Trace,
    /// What would come of it; where not everything is known, that may depend.
    pub outlook: Outlook,
    /// Of a record: what was decided then, and whether by this very policy.
    pub recorded: Option<(Recorded, bool)>,
    /// What was assumed, in words.
    pub assumed: Vec<String>,
    /// Where the request met nothing of the policy: what there is instead.
    pub instead: Vec<String>,
}

/// A policy as its author wrote it.
#[derive(Clone, Debug)]
pub struct PolicyText {
    /// The file.
    pub file: String,
    /// Its name.
    pub name: String,
    /// What it says, as a hash.
    pub hash: String,
    /// Its text.
    pub text: String,
}

impl PolicyText {
    fn of(file: &str, text: &str, policy: &Policy) -> Self {
        let (name, hash) = (policy.name().to_owned(), policy.hash().to_owned());
        Self { file: file.to_owned(), name, hash, text: text.to_owned() }
    }
}

/// Explains a request under the policy whose text is given. The policy must load.
///
/// # Errors
/// The request cannot be made as it is asked for, in words.
pub fn explain(file: &str, text: &str, asked: &Asked, clock: i64) -> Result<Explained, String> {
    let said = |errors: ambit::policy::error::PolicyErrors| errors.to_string();
    let source = read_yaml(file, text).map_err(said)?;
    let original = Policy::load_yaml(file, text).map_err(said)?;
    let (document, _) = walk::walk(&source);
    let now = match &asked.at {
        None => Timestamp::from_millis(clock),
        Some(at) => Timestamp::parse_rfc3339(at).ok_or_else(|| {
            format!("`{at}` is no time; expected one such as 2026-11-24T09:30:00Z")
        })?,
    };
    let algorithms: Vec<Vec<String>> = original.issuers.iter().map(algorithms).collect();
    let presented = presented(asked)?;
    let minted = mint::mint(&presented, &document, &algorithms, now.secs())?;
    let engine = engine(source, minted.as_ref())?;
    let mut run = Run { asked: &presented, document: &document, now, assumed: Vec::new() };
    let trace = run.drive(&engine, minted.as_ref())?;
    let mut assumed = minted.map(|minted| minted.assumed).unwrap_or_default();
    assumed.append(&mut run.assumed);
    Ok(Explained {
        policy: PolicyText::of(file, text, &original.policy),
        request: format!("{} {}", run.method(), run.url()),
        outlook: outlook(&trace.decision),
        instead: instead(&document, &trace),
        trace,
        recorded: None,
        assumed,
    })
}

/// Explains a record under the policy whose text is given. The policy must load.
///
/// # Errors
/// The policy does not load.
pub fn review(file: &str, text: &str, record: &Recorded) -> Result<Explained, String> {
    let loaded = Policy::load_yaml(file, text).map_err(|errors| errors.to_string())?;
    let reviewed = record.review(&loaded.policy);
    let [method, host, path] = &record.http;
    let assumed = match reviewed.same_policy {
        true => vec!["this policy made the decision, so what was decided is known".to_owned()],
        false => {
            let then = &record.policy.0;
            vec![format!(
                "another policy made the decision (`{then}`); what its record lacks is unknown"
            )]
        }
    };
    Ok(Explained {
        policy: PolicyText::of(file, text, &loaded.policy),
        request: format!("{method} {host}{path}"),
        outlook: reviewed.outlook,
        instead: match read_yaml(file, text) {
            Ok(source) => instead(&walk::walk(&source).0, &reviewed.trace),
            Err(errors) => return Err(errors.to_string()),
        },
        trace: reviewed.trace,
        recorded: Some((record.clone(), reviewed.same_policy)),
        assumed,
    })
}

/// What was decided; where a source was not told of, it depends.
fn outlook(decision: &Decision) -> Outlook {
    let waits = decision.waits_for;
    let mut on = Vec::new();
    if waits.lookup {
        on.push("what look-ups say of the record (`--attribute name=value`)".to_owned());
    }
    if waits.response {
        on.push("what the answer says of the record (`--attribute name=value`)".to_owned());
    }
    match (decision.effect, on.is_empty()) {
        (_, false) => Outlook::Depends(on),
        (Effect::Allow, true) => Outlook::Allow,
        (Effect::Deny, true) => Outlook::Deny,
    }
}

/// A bearer token among the headers is the token.
fn presented(asked: &Asked) -> Result<Asked, String> {
    let mut asked = asked.clone();
    let is_credential = |name: &str| name.eq_ignore_ascii_case("authorization");
    let found = asked.headers.iter().position(|(name, _)| is_credential(name));
    if let Some(at) = found {
        let (_, value) = asked.headers.remove(at);
        let token = value.split_once(' ').filter(|(scheme, _)| {
            scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("dpop")
        });
        let (_, token) = token.ok_or("an `authorization` that is neither Bearer nor DPoP")?;
        asked.token = Some(token.trim().to_owned());
    }
    if asked.token.is_some() {
        asked.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("dpop"));
    }
    Ok(asked)
}

struct Run<'a> {
    asked: &'a Asked,
    document: &'a Document,
    now: Timestamp,
    assumed: Vec<String>,
}

impl Run<'_> {
    fn method(&self) -> String {
        let default = if self.asked.body.is_empty() { "GET" } else { "POST" };
        self.asked.method.clone().unwrap_or_else(|| default.to_owned())
    }

    fn url(&self) -> String {
        if !self.asked.url.starts_with('/') {
            return self.asked.url.clone();
        }
        let first = self.document.resources.values().find_map(|one| one.audience.as_deref());
        let origin = first.unwrap_or("https://localhost");
        let scheme_ends = origin.find("://").map_or(0, |at| at.saturating_add(3));
        let rest = origin.get(scheme_ends..).unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        format!("{}{host}{}", origin.get(..scheme_ends).unwrap_or_default(), self.asked.url)
    }

    /// Scheme, authority, path with query.
    fn target(&self) -> Result<(String, String, String), String> {
        let url = self.url();
        let (scheme, rest) = url
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
            .ok_or_else(|| format!("`{url}` is no URL; expected http:// or https://"))?;
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok((scheme.to_owned(), authority.to_owned(), path))
    }

    /// The names in the client's certificate, where the policy reads them.
    fn peer(&mut self) -> Vec<String> {
        let reads = self.document.identity.actor_from.contains(&ActorSource::Mtls);
        if !self.asked.peer.is_empty() || !reads {
            return self.asked.peer.clone();
        }
        let names: Vec<&String> = self.document.actors.keys().collect();
        let name = match (self.asked.actors.first(), names.as_slice()) {
            (Some(name), _) => name,
            (None, [only]) => *only,
            _ => return Vec::new(),
        };
        let own = self.document.actors.get(name).and_then(|actor| actor.matches.spiffe.first());
        if let Some(own) = own {
            self.assumed.push(format!("the client's certificate is of `{own}`"));
        }
        own.cloned().into_iter().collect()
    }

    fn drive(&mut self, engine: &Rc<Engine>, minted: Option<&Minted>) -> Result<Trace, String> {
        let (scheme, authority, path) = self.target()?;
        let host = self.asked.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let authority = host.map_or(authority, |(_, value)| value.clone());
        let method = self.method();
        let mut headers: Vec<(String, String)> = vec![
            (":method".to_owned(), method.clone()),
            (":scheme".to_owned(), scheme.clone()),
            (":authority".to_owned(), authority.clone()),
            (":path".to_owned(), path.clone()),
        ];
        if let Some(minted) = minted {
            let kind = if minted.bound { "DPoP" } else { "Bearer" };
            headers.push(("authorization".to_owned(), format!("{kind} {}", minted.token)));
            if minted.bound {
                let path = path.split('?').next().unwrap_or_default();
                let uri = format!("{scheme}://{authority}{path}");
                let about =
                    About { token: &minted.token, method: &method, uri: &uri, id: "explained" };
                let mut proof = Proof::default();
                proof.claims.insert("iat".to_owned(), self.now.secs().into());
                headers.push(("dpop".to_owned(), proof.sign(&mint::sender()?, &about)));
            }
        }
        let own = self.asked.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
        headers.extend(own.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
        let bytes: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let ids = Ids { record: "explained".to_owned(), boot: "explained".into() };
        let mut enforcement = Enforcement::new(Rc::clone(engine), ids);
        let end = self.asked.body.is_empty();
        let peer = self.peer();
        let event = Event::RequestHeaders { headers: &bytes, peer: &peer, end };
        let mut step = enforcement.on(self.now, event);
        loop {
            step = match step {
                Step::Ask(question) => {
                    let answer = match question {
                        Question::PeerCertificate => Answer::PeerCertificate(None),
                        Question::Secret => Answer::Secret([3; 32]),
                        Question::FirstUse(_) => Answer::FirstUse(Memory::Fresh),
                    };
                    enforcement.on(self.now, Event::Answered(answer))
                }
                Step::CheckSignature(check) => {
                    let verdict = match check.verify() {
                        true => SignatureVerdict::Valid,
                        false => SignatureVerdict::Invalid,
                    };
                    enforcement.on_signature(self.now, *check, verdict)
                }
                Step::CallOut(callouts) => match self.look_up(&mut enforcement, &callouts) {
                    Some(step) => step,
                    None => break,
                },
                Step::NeedBody => {
                    let bytes = self.asked.body.as_bytes();
                    enforcement.on(self.now, Event::RequestBody { bytes, end: true })
                }
                Step::ForwardHeld(..) => match self.respond(&mut enforcement) {
                    Some(step) => step,
                    None => break,
                },
                Step::Forward(..)
                | Step::HoldResponse
                | Step::PassResponse
                | Step::Reply(_)
                | Step::Wait => break,
            };
        }
        Ok(enforcement.trace(self.now))
    }

    /// Answers look-ups with what is known of the record; `None` where nothing is.
    fn look_up(&mut self, enforcement: &mut Enforcement, callouts: &[Callout]) -> Option<Step> {
        let resource = enforcement.trace(self.now).asked?.resource;
        let mut last = None;
        for callout in callouts {
            let told = self.told(&resource, |from| match from {
                AttributeSource::Lookup(lookup) if lookup.cluster == callout.cluster => {
                    Some(lookup.pointer.clone())
                }
                _ => None,
            })?;
            let reply = CalloutReply { status: Some(200), body: told.as_bytes() };
            let event = Event::CalloutReply { callout: callout.number, reply };
            last = Some(enforcement.on(self.now, event));
        }
        last
    }

    /// Answers for the upstream with what is known of the record.
    fn respond(&mut self, enforcement: &mut Enforcement) -> Option<Step> {
        let resource = enforcement.trace(self.now).asked?.resource;
        let told = self.told(&resource, |from| match from {
            AttributeSource::Response(pointer) => Some(pointer.clone()),
            _ => None,
        })?;
        let headers: [(&[u8], &[u8]); 2] =
            [(b":status", b"200"), (b"content-type", b"application/json")];
        let event = Event::ResponseHeaders { headers: &headers, end: false };
        let step = enforcement.on(self.now, event);
        let Step::HoldResponse = step else { return Some(step) };
        let event = Event::ResponseBody { bytes: told.as_bytes(), end: true };
        Some(enforcement.on(self.now, event))
    }

    /// A JSON text in which every known attribute of the kind stands where its pointer says.
    fn told(
        &self,
        resource: &str,
        kind: impl Fn(&AttributeSource) -> Option<String>,
    ) -> Option<String> {
        let mut told = Value::Null;
        let mut any = false;
        for (name, attribute) in &self.document.resources.get(resource)?.attributes {
            let known: &Attributes = &self.asked.attributes;
            let value = known.get(&format!("resource.{name}")).or_else(|| known.get(name));
            if let (Some(pointer), Some(value)) = (kind(&attribute.from), value) {
                put(&mut told, &pointer, value);
                any = true;
            }
        }
        any.then(|| told.to_string())
    }
}

/// Puts a value where a JSON pointer says (RFC 6901), making the objects on the way.
fn put(into: &mut Value, pointer: &str, value: &Value) {
    let mut at = into;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        if !at.is_object() {
            *at = Value::Object(serde_json::Map::new());
        }
        let Value::Object(members) = at else { return };
        at = members.entry(token).or_insert(Value::Null);
    }
    *at = value.clone();
}
