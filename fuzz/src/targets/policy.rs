//! Policies in all three of their forms.

use ambit::policy::Policy;
use ambit::policy::node::Kind;
use ambit::policy::read::{read, read_yaml};
use serde_json::Value;

/// What loads loads again from what was compiled of it; and YAML, where it reads the same text, reads
/// the same policy.
pub(super) fn json(bytes: &[u8]) -> bool {
    let Ok(source) = read("policy.json", bytes) else { return false };
    let compiled = source.to_compiled_json();
    let again = read("again.json", compiled.as_bytes());
    if let Ok(again) = again
        && matches!(source.root.kind, Kind::Map(_))
    {
        assert_eq!(again.digest(), source.digest(), "compiled, it is another policy");
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(yaml) = read_yaml("policy.yaml", text)
        && !text.contains("\"source\"")
        && !text.contains('\\')
    {
        assert_eq!(yaml.digest(), source.digest(), "as YAML, it is another policy");
    }
    let loaded = Policy::load("policy.json", bytes);
    if let Err(errors) = &loaded {
        assert!(!errors.0.is_empty() && !errors.to_string().is_empty(), "refused without a word");
    }
    loaded.is_ok()
}

/// What an author's text means, a gateway is given.
pub(super) fn yaml(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(source) = read_yaml("policy.yaml", text) else { return false };
    let loaded = Policy::load_yaml("policy.yaml", text);
    if loaded.is_ok() {
        let compiled = source.to_compiled_json();
        match Policy::load("policy.json", compiled.as_bytes()) {
            Ok(again) => {
                let name = loaded.as_ref().map(|one| one.policy.name().to_owned());
                assert_eq!(again.policy.hash(), source.digest(), "compiled, it is another policy");
                assert_eq!(Some(again.policy.name()), name.as_deref().ok(), "another name");
            }
            Err(errors) => panic!("compiled, it does not load: {errors}"),
        }
    }
    loaded.is_ok()
}

/// A `Struct` of a policy's JSON is the same policy; raw bytes are read or refused.
pub(super) fn structure(bytes: &[u8]) -> bool {
    let raw = Policy::load("policy", bytes).is_ok();
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(bytes) else { return raw };
    let document = Value::Object(members);
    if !carries(&document) {
        return raw;
    }
    let Ok(by_json) = read("policy", document.to_string().as_bytes()) else { return raw };
    let wire = fields(&document);
    if wire.is_empty() {
        return raw;
    }
    match read("policy", &wire) {
        Ok(by_wire) => assert_eq!(by_wire.digest(), by_json.digest(), "another policy"),
        Err(errors) => panic!("a `Struct` that is not read: {errors}"),
    }
    Policy::load("policy", &wire).is_ok()
}

/// Whether doubles carry its numbers as they are written.
fn carries(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_i64().is_some_and(|whole| {
            whole.unsigned_abs() < 1 << 53 && whole.to_string() == number.to_string()
        }),
        Value::Array(elements) => elements.iter().all(carries),
        Value::Object(members) => {
            members.iter().all(|(name, value)| name != "source" && carries(value))
        }
        _ => true,
    }
}

/// `google.protobuf.Struct`
fn fields(document: &Value) -> Vec<u8> {
    let Value::Object(members) = document else { return Vec::new() };
    let mut out = Vec::new();
    for (name, value) in members {
        let entry = [tagged(1, name.as_bytes()), tagged(2, &any(value))].concat();
        out.extend(tagged(1, &entry));
    }
    out
}

/// `google.protobuf.Value`
fn any(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![0x08, 0],
        Value::Number(number) => {
            let mut out = vec![0x11];
            out.extend(number.as_f64().unwrap_or_default().to_le_bytes());
            out
        }
        Value::String(text) => tagged(3, text.as_bytes()),
        Value::Bool(value) => vec![0x20, u8::from(*value)],
        Value::Object(_) => tagged(5, &fields(value)),
        Value::Array(elements) => {
            let parts: Vec<u8> = elements.iter().flat_map(|one| tagged(1, &any(one))).collect();
            tagged(6, &parts)
        }
    }
}

fn tagged(field: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(bytes);
    out
}
