//! A verified payload, read: who, by whom, for whom, how far and how long.

use super::claim::{find, numeric_date, text_of};
use super::issuer::Issuer;
use super::requirement::all_pass;
use super::scopes::{Resolve, TokenScope};
use super::signing::digest;
use super::{ActMember, ClientId, Confirmation, Principal, VerifiedToken};
use crate::decision::Reason;
use crate::request::json::Json;
use crate::time::Timestamp;

/// Claims that stand only in ID tokens (OpenID Connect Core §2, §3.3.2.11).
const ID_TOKEN_CLAIMS: [&str; 3] = ["at_hash", "c_hash", "nonce"];
/// Payload types of Keycloak that are no access tokens.
const OTHER_TYPES: [&str; 4] = ["ID", "Logout", "Offline", "Refresh"];
/// What may name the client; all that do must agree.
const CLIENT_CLAIMS: [&str; 4] = ["client_id", "azp", "cid", "appid"];

/// Reads the payload of a token whose signature is `issuer`'s.
///
/// `markers` are the claims that dynamic actors are recognised by. At most `max_chain` + 1 members
/// of the `act` chain are kept: enough to see that there are too many.
///
/// # Errors
/// [`Reason::MalformedToken`] where a registered claim is of a wrong type, and
/// [`Reason::WrongTokenType`] where it is not an access token of this issuer.
pub(super) fn read(
    payload: &Json,
    issuer: &Issuer,
    max_chain: usize,
    markers: &[String],
    resolve: &Resolve<'_>,
) -> Result<VerifiedToken, Reason> {
    let registered = Registered::read(payload)?;
    let client = client_id(payload)?;
    let agreed = match &client {
        ClientId::Agreed(id) => Some(id.as_str()),
        ClientId::Conflict | ClientId::Missing => None,
    };
    if is_other_token(payload) || !all_pass(&issuer.require, payload, agreed) {
        return Err(Reason::WrongTokenType);
    }
    let scope = TokenScope::read(payload, issuer, resolve)?;
    let principal = match (issuer.user.holds(payload, agreed), issuer.own.holds(payload, agreed)) {
        (true, false) => Principal::User,
        (false, true) => Principal::Own,
        (true, true) | (false, false) => Principal::Unclear,
    };
    let states = issuer.claims.iter().map(|rule| match rule {
        Some(rule) => rule.state(payload),
        None => super::ClaimState::Unknown,
    });
    let marked = markers.iter().filter_map(|name| {
        find(payload, name).and_then(text_of).map(|text| (name.clone(), text.to_owned()))
    });
    Ok(VerifiedToken {
        issuer: issuer.index,
        person: person(payload, &issuer.person),
        principal,
        act: act_chain(payload, max_chain)?,
        scopes: scope.set,
        scope_strings: scope.strings,
        bad_scope: scope.bad,
        claims: states.collect(),
        groups: issuer.groups.state(payload),
        markers: marked.collect(),
        audiences: audiences(registered.audience, issuer, agreed),
        issued_at: registered.issued_at,
        not_before: registered.not_before,
        expires_at: registered.expires_at,
        confirmation: confirmation(payload)?,
        jti_digest: registered.jti.map(|jti| digest(jti.as_bytes())).unwrap_or_default(),
        sub: registered.sub.map(str::to_owned),
        client_id: client,
    })
}

/// Claims of RFC 7519 §4.1, each of its one type.
struct Registered<'a> {
    sub: Option<&'a str>,
    jti: Option<&'a str>,
    /// `None` without `aud`, which is not the same as a token for nobody.
    audience: Option<Vec<&'a str>>,
    issued_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
    expires_at: Timestamp,
}

impl<'a> Registered<'a> {
    fn read(payload: &'a Json) -> Result<Self, Reason> {
        // Whichever claims scopes are read from: a string (RFC 8693 §4.2), a string or a list.
        text(payload, "scope")?;
        text_or_list(payload, "scp")?;
        Ok(Self {
            sub: name(payload, "sub")?,
            jti: text(payload, "jti")?,
            audience: text_or_list(payload, "aud")?,
            issued_at: date(payload, "iat")?,
            not_before: date(payload, "nbf")?,
            expires_at: date(payload, "exp")?.ok_or(Reason::MalformedToken)?,
        })
    }
}

pub(super) fn text<'a>(object: &'a Json, claim: &str) -> Result<Option<&'a str>, Reason> {
    match object.member(claim) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::MalformedToken),
    }
}

/// A text that names somebody, and so is not empty.
pub(super) fn name<'a>(object: &'a Json, claim: &str) -> Result<Option<&'a str>, Reason> {
    match text(object, claim)? {
        Some("") => Err(Reason::MalformedToken),
        text => Ok(text),
    }
}

pub(super) fn date(payload: &Json, claim: &str) -> Result<Option<Timestamp>, Reason> {
    match payload.member(claim) {
        None => Ok(None),
        Some(Json::Number(text)) => numeric_date(text).map(Some).ok_or(Reason::MalformedToken),
        Some(_) => Err(Reason::MalformedToken),
    }
}

fn text_or_list<'a>(payload: &'a Json, claim: &str) -> Result<Option<Vec<&'a str>>, Reason> {
    match payload.member(claim) {
        None => Ok(None),
        Some(Json::String(one)) => Ok(Some(vec![one])),
        Some(Json::Array(several)) => {
            let names = several.iter().map(Json::as_str).collect::<Option<_>>();
            names.map(Some).ok_or(Reason::MalformedToken)
        }
        Some(_) => Err(Reason::MalformedToken),
    }
}

/// Each `aud` as the policy calls it; without any, what the client's tokens are for.
fn audiences(audience: Option<Vec<&str>>, issuer: &Issuer, client: Option<&str>) -> Vec<String> {
    match audience {
        Some(names) => names
            .into_iter()
            .map(|name| issuer.audiences.get(name).map_or_else(|| name.to_owned(), Clone::clone))
            .collect(),
        None => client
            .and_then(|client| issuer.audience_by_client.get(client))
            .cloned()
            .into_iter()
            .collect(),
    }
}

fn client_id(payload: &Json) -> Result<ClientId, Reason> {
    let mut agreed = ClientId::Missing;
    for claim in CLIENT_CLAIMS {
        let Some(id) = name(payload, claim)? else {
            continue;
        };
        agreed = match agreed {
            ClientId::Missing => ClientId::Agreed(id.to_owned()),
            ClientId::Agreed(known) if known == id => ClientId::Agreed(known),
            ClientId::Agreed(_) | ClientId::Conflict => ClientId::Conflict,
        };
    }
    Ok(agreed)
}

/// Whether the token is an ID, refresh or other token, whatever the policy requires.
fn is_other_token(payload: &Json) -> bool {
    let says_one_of = |claim: &str, words: &[&str]| {
        payload
            .member(claim)
            .and_then(text_of)
            .is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)))
    };
    ID_TOKEN_CLAIMS.iter().any(|claim| payload.member(claim).is_some())
        || says_one_of("typ", &OTHER_TYPES)
        || says_one_of("token_use", &["id", "refresh"])
        || says_one_of("token_type", &["id", "id_token", "refresh", "refresh_token"])
}

/// The person's id: one claim's text as it is, so that it equals what records call their owner; of
/// several the texts, percent-encoded so that `/` between them is unambiguous.
fn person(payload: &Json, claims: &[String]) -> Option<String> {
    if let [only] = claims {
        let text = find(payload, only).and_then(Json::as_str);
        return text.filter(|text| !text.is_empty()).map(str::to_owned);
    }
    let parts: Option<Vec<String>> = claims
        .iter()
        .map(|claim| {
            find(payload, claim).and_then(Json::as_str).filter(|text| !text.is_empty()).map(encoded)
        })
        .collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("/"))
}

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The `act` chain (RFC 8693 §4.1), outermost first.
fn act_chain(payload: &Json, max: usize) -> Result<Vec<ActMember>, Reason> {
    let mut chain = Vec::new();
    let mut next = payload.member("act");
    while let Some(act) = next {
        if act.as_object().is_none() {
            return Err(Reason::MalformedToken);
        }
        let owned = |claim| Ok(name(act, claim)?.map(str::to_owned));
        let member =
            ActMember { issuer: owned("iss")?, sub: owned("sub")?, client_id: owned("client_id")? };
        if member.sub.is_none() && member.client_id.is_none() {
            return Err(Reason::MalformedToken);
        }
        chain.push(member);
        if chain.len() > max {
            break;
        }
        next = act.member("act");
    }
    Ok(chain)
}

/// `cnf` (RFC 7800 §3.1). A key bound in a way that cannot be checked, or in two ways at once, is
/// [`Confirmation::Other`].
fn confirmation(payload: &Json) -> Result<Option<Confirmation>, Reason> {
    let Some(cnf) = payload.member("cnf") else {
        return Ok(None);
    };
    let members = cnf.as_object().ok_or(Reason::MalformedToken)?;
    let jkt = thumbprint(cnf, "jkt")?;
    let certificate = thumbprint(cnf, "x5t#S256")?;
    Ok(Some(match (jkt, certificate) {
        (Some(jkt), None) if members.len() == 1 => Confirmation::Jkt(jkt),
        (None, Some(hash)) if members.len() == 1 => Confirmation::Certificate(hash),
        _ => Confirmation::Other,
    }))
}

/// A SHA-256 in base64url.
fn thumbprint(cnf: &Json, name: &str) -> Result<Option<String>, Reason> {
    match text(cnf, name)? {
        None => Ok(None),
        Some(text) => match super::jws::decode(text) {
            Some(hash) if hash.len() == 32 => Ok(Some(text.to_owned())),
            _ => Err(Reason::MalformedToken),
        },
    }
}
