//! A policy that trusts the key a token was made with.

use super::mint::Minted;
use ambit::enforcement::Engine;
use ambit::identity::Issuer;
use ambit::policy::node::{Kind, Node};
use ambit::policy::read::{Source, read_yaml};
use std::rc::Rc;

/// The algorithms an issuer signs with.
pub(super) fn algorithms(issuer: &Issuer) -> Vec<String> {
    let expanded = issuer.expanded();
    let list = expanded.member("algorithms").and_then(|list| list.as_array());
    let names = list.into_iter().flatten().filter_map(|name| name.as_str());
    names.map(str::to_owned).collect()
}

/// The policy with the key that the token is signed by in place of its issuers' own.
pub(super) fn engine(mut source: Source, minted: Option<&Minted>) -> Result<Rc<Engine>, String> {
    let jwk = minted.map_or_else(String::new, |minted| minted.jwk.to_string());
    let chosen = minted.map(|minted| minted.issuer);
    let node = |keys: &str| -> Result<Node, String> {
        let text = format!("inline: {{ keys: [{keys}] }}");
        read_yaml("keys", &text).map(|source| source.root).map_err(|errors| errors.to_string())
    };
    let issuers = member(&mut source.root, "identity").and_then(|node| member(node, "issuers"));
    if let Some(Kind::List(issuers)) = issuers.map(|node| &mut node.kind) {
        for (at, issuer) in issuers.iter_mut().enumerate() {
            let keys = if Some(at) == chosen { jwk.as_str() } else { "" };
            let inline = node(keys)?;
            // A shared secret stands only in a policy for development, and this one is never served.
            if keys.contains("\"oct\"")
                && let Kind::Map(entries) = &mut issuer.kind
            {
                entries.retain(|entry| entry.name != "development");
                let truth = read_yaml("development", "development: true");
                let truth = truth.map_err(|errors| errors.to_string())?.root;
                if let Kind::Map(mut members) = truth.kind {
                    entries.append(&mut members);
                }
            }
            if let Some(jwks) = member(issuer, "jwks") {
                *jwks = inline;
            }
        }
    }
    let environment = |_: &str| Some("CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk".to_owned());
    let engine = Engine::load(source.to_compiled_json().as_bytes(), &environment);
    engine.map(Rc::new).map_err(|errors| errors.to_string())
}

fn member<'a>(node: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    match &mut node.kind {
        Kind::Map(entries) => {
            entries.iter_mut().find(|entry| entry.name == name).map(|entry| &mut entry.value)
        }
        _ => None,
    }
}
