//! What is explained is what is decided: every request of the scenarios, through both.

#![cfg(feature = "wasm-host")]

use ambit_test_harness::explain::{self, Asked};
use ambit_test_harness::scenario::{Native, ScenarioFile};

#[test]
fn every_request_of_the_scenarios_is_explained_as_it_is_decided() {
    let mut compared = 0;
    for name in ["http", "identity", "lookups", "response", "tag", "approvals", "shadow"] {
        let path = super::root().join(format!("test-harness/scenarios/{name}.yaml"));
        let file = ScenarioFile::read(&path).unwrap();
        let native = Native::new(&file).unwrap();
        for ask in &file.requests {
            // What a URL and a header in text cannot say, and what is taken as given (a signature, a
            // sender's proof), stay out.
            let plain = ask.headers.iter().all(|(_, value)| !value.contains("\\x"));
            let unique =
                !ask.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
            if ask.forged || ask.dpop.is_some() || !plain || !unique || !ask.path.starts_with('/') {
                continue;
            }
            let token = ask.mint();
            let Ok((_, decided)) = native.ask_why(ask, token.as_deref()) else { continue };
            let asked = Asked {
                method: Some(ask.method.clone()),
                url: format!("http://{}{}", ask.host, ask.path),
                headers: ask.headers.clone(),
                body: ask.chunks.concat(),
                anonymous: token.is_none(),
                token,
                ..Asked::default()
            };
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            let text = file.policy();
            let told = explain::explain("policy", &text, &asked, now.as_millis() as i64);
            // A policy beside its file, or a token that is none, is not explained by words.
            let Ok(told) = told else { continue };
            let own = [
                "sender-not-proved",
                "unknown-key",
                "bad-signature",
                "algorithm-refused",
                "issuer-unavailable",
            ];
            if !told.trace.decision.waits_for.is_empty()
                || own.contains(&decided.decision.reason.code())
                || decided.decision.reason.code() == "lookup-unavailable"
            {
                continue;
            }
            let (told, decided) = (told.trace, decided);
            // What the record is like was not told to it.
            if !decided.rules.iter().all(|rule| rule.condition.is_none()) {
                continue;
            }
            assert_eq!(told.decision, decided.decision, "{name}: {}", ask.name);
            assert_eq!((told.stage, told.actors), (decided.stage, decided.actors), "{}", ask.name);
            compared += 1;
        }
    }
    assert!(compared > 60, "only {compared} were compared");
}
