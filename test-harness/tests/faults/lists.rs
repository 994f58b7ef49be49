//! In a real Envoy: every name of the capability list left out in turn.

use super::discovered::{Discovered, ask, at, fields, token};
use super::envoy::capabilities;
use super::host::OPENING;
use super::world::inline;
use serde_json::Value;
use std::net::TcpStream;
use std::time::Duration;

const FIRST: u16 = 14300;
const NAME: &str = "envoy-lists";

/// The names of the list of `envoy/envoy.yaml`.
fn names() -> Vec<String> {
    let list = capabilities("");
    list["allowed_capabilities"].as_object().unwrap().keys().cloned().collect()
}

/// A listener whose list is without one name; the first is without none.
fn without(number: usize, name: &str) -> Value {
    let number = u16::try_from(number).unwrap();
    at(NAME, FIRST, number, &inline(), |plugin| {
        plugin["vm_config"]["vm_id"] = format!("without {name}").into();
        plugin["vm_config"]["capability_restriction_config"] = capabilities(name);
    })
}

/// What came of the requests to one listener.
#[derive(Debug, Default)]
struct Came {
    /// Whether it was there at all.
    listens: bool,
    /// Requests that passed and must not, by their number.
    passed: Vec<usize>,
    /// The answers to good requests at the end, none of which needs a body or an answer held.
    good: (u16, String),
}

/// Nothing of this may pass: somebody else's records, a request without a token, one that is held.
/// Each is sent twice.
fn provoke(envoy: &Discovered, port: u16) -> Came {
    if TcpStream::connect(("127.0.0.1", port)).is_err() {
        return Came::default();
    }
    let body = vec![b"a".to_vec(), b"b".to_vec()];
    let (none, ends) = (Vec::new(), fields(&[("x-sum", "1"), ("ambit-sub", "root")]));
    let mut passed = Vec::new();
    for number in 0..14 {
        let id = format!("{port}-{number}");
        let with = |more: &[(&str, &str)]| {
            let mut all = vec![token()];
            all.extend(fields(more));
            all
        };
        let (_, told) = match number % 7 {
            0 => ask(port, &format!("GET /p/{id}"), Vec::new(), &[], &none),
            1 => ask(port, &format!("POST /p/{id}"), Vec::new(), &body, &none),
            2 => ask(port, &format!("GET /l/{id}"), with(&[]), &[], &none),
            3 => ask(port, &format!("GET /l/{id}"), with(&[]), &body, &none),
            4 => ask(port, &format!("GET /l/{id}"), with(&[]), &body, &ends),
            5 => ask(port, &format!("GET /h/{id}"), with(&[]), &[], &none),
            _ => ask(port, &format!("GET /h/{id}"), with(&[("x-trailers", "1")]), &[], &none),
        };
        // A held answer was asked for; it must not be shown.
        let reached = !envoy.take_seen(&id).is_empty() && number % 7 < 5;
        if reached || told.contains("owner") {
            passed.push(number);
        }
    }
    let good = ask(port, &format!("GET /p/{port}-good"), vec![token()], &[], &none);
    Came { listens: true, passed, good }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_envoy_each_name_left_out_of_the_capability_list_opens_once_at_most() {
    let names: Vec<String> = std::iter::once(String::new()).chain(names()).collect();
    let all = names.iter().enumerate();
    let listeners: Vec<Value> = all.map(|(number, name)| without(number, name)).collect();
    let slow = Duration::from_millis(150);
    let envoy = Discovered::start(NAME, FIRST, 1, "bob", slow, &listeners).await;
    let envoy = &envoy;
    // A refused listener is refused by then: Envoy makes them one after another.
    let came: Vec<Came> = std::thread::scope(|scope| {
        let port = |number: usize| FIRST + 4 + u16::try_from(number).unwrap();
        let runs = (0..names.len()).map(|number| scope.spawn(move || provoke(envoy, port(number))));
        runs.collect::<Vec<_>>().into_iter().map(|run| run.join().unwrap()).collect()
    });
    for (name, came) in names.iter().zip(&came) {
        let opening = OPENING.contains(&name.as_str());
        assert!(came.passed.len() <= usize::from(opening), "{name}: {came:?}");
        if !came.passed.is_empty() {
            assert_eq!(came.good.0, 503, "{name} is closed once it was open: {came:?}");
        }
        if name.is_empty() {
            assert_eq!((came.listens, came.good.0), (true, 200), "with all of them: {came:?}");
        }
        // Noticed also where nothing passed: an answer that is not told gives it away.
        assert!(!opening || came.good.0 == 503, "{name}: {came:?}");
    }
    let missing = envoy.stat("wasmcustom.ambit.callbacks.missing").await;
    assert_eq!(missing, OPENING.len() as u64, "{}", envoy.log());
}
