//! The host: calls that it does not carry out, and callbacks that it does not make.

use super::world::{
    GOOD, NOW, ask, ask_with, assert_never_open, assert_refused, assert_works, gateway, inline,
    module, reason, record_of, token_by, told,
};
use ambit_test_harness::proxy_host::{CalloutAnswer, CasDialect, Request};
use std::collections::BTreeSet;

/// What Envoy answers to a call that its capability list leaves out: an internal failure, and for
/// WASI "not capable".
fn refusal(import: &str) -> i32 {
    if import.starts_with("proxy_") { 10 } else { 76 }
}

/// The imports that the SDK's dispatcher insists on: without them a callout's end ends the worker.
const INSISTED: [&str; 2] = ["proxy_set_effective_context", "proxy_http_call"];

#[test]
fn a_host_call_that_the_capability_list_leaves_out_never_opens() {
    let (mut served, mut all) = (BTreeSet::new(), 0);
    for import in module().imports() {
        all += 1;
        let built = gateway(&inline()).fault(&import, 0, refusal(&import)).build();
        // A module that cannot start does not serve.
        let Ok(mut gateway) = built else { continue };
        for _ in 0..3 {
            assert_never_open(&mut gateway, &import);
        }
        if GOOD.iter().all(|target| gateway.send(ask(target)).status() == 200) {
            served.insert(import);
        }
    }
    assert!(all >= 20, "{all} imports");
    // What Ambit can do without, all of it told in docs/threat-model.md.
    for import in ["proxy_call_foreign_function", "proxy_log", "proxy_close_stream"] {
        assert!(served.contains(import), "{served:?}");
    }
    // What it cannot decide or hold without.
    for import in
        ["proxy_get_header_map_pairs", "proxy_replace_header_map_value", "proxy_http_call"]
    {
        assert!(!served.contains(import), "{served:?}");
    }
}

#[test]
fn a_host_call_that_fails_never_opens() {
    for import in module().imports() {
        if !import.starts_with("proxy_") {
            continue;
        }
        for (after, status) in [(0, 10), (0, 2), (3, 10), (3, 1), (3, 12)] {
            let built = gateway(&inline()).fault(&import, after, status).build();
            let Ok(mut gateway) = built else { continue };
            let what = format!("{import} {after} {status}");
            for _ in 0..3 {
                for target in GOOD {
                    let exchange = gateway.send(ask(target));
                    assert!(
                        !exchange.trapped || INSISTED.contains(&import.as_str()),
                        "{what} {target}: {:?}",
                        gateway.logs()
                    );
                }
                assert_never_open(&mut gateway, &what);
            }
        }
    }
}

#[test]
fn the_status_that_the_sdk_does_not_expect_of_a_callout_closes_the_worker() {
    for (import, status) in [("proxy_set_effective_context", 2), ("proxy_http_call", 7)] {
        let mut gateway = gateway(&inline()).fault(import, 0, status).build().unwrap();
        assert_eq!(gateway.send(ask("/p/1")).status(), 200);
        let exchange = gateway.send(ask("/l/1"));
        assert_eq!((exchange.trapped, exchange.status()), (true, 503), "{import}");
        assert_eq!(exchange.upstream, None);
        assert_never_open(&mut gateway, import);
    }
}

#[test]
fn the_record_tells_what_came_of_edits_that_the_host_did_not_make() {
    for target in GOOD {
        for import in ["proxy_replace_header_map_value", "proxy_remove_header_map_value"] {
            let mut gateway = gateway(&inline()).fault(import, 0, 10).build().unwrap();
            let exchange = gateway.send(ask(target).header("ambit", "forged"));
            assert_refused(&exchange, 503, "host-failure", import);
        }
    }
    // A look-up was answered, and the request that waited for it cannot be let go.
    let mut gateway = gateway(&inline()).fault("proxy_continue_stream", 0, 10).build().unwrap();
    assert_refused(&gateway.send(ask("/l/1")), 503, "host-failure", "it cannot be resumed");
    assert_eq!(gateway.send(ask("/p/1")).status(), 200);
}

#[test]
fn a_host_without_randomness_serves_nothing() {
    for status in [28, 29, 76] {
        let built = gateway(&inline()).fault("random_get", 0, status).build();
        assert!(built.is_err(), "{status}");
    }
}

#[test]
fn a_host_without_signature_checks_is_served_by_the_module_itself() {
    let without = [
        gateway(&inline()).without_verify_signature().workers(2).build().unwrap(),
        gateway(&inline()).fault("proxy_call_foreign_function", 0, 10).build().unwrap(),
        gateway(&inline()).fault("proxy_call_foreign_function", 0, 2).build().unwrap(),
    ];
    for mut gateway in without {
        assert_works(&mut gateway);
        let exchange = gateway.send(ask_with(&token_by(8, "k1", NOW), "/p/1"));
        assert_refused(&exchange, 401, "bad-signature", "forged");
    }
}

#[test]
fn a_callback_that_the_capability_list_leaves_out_opens_only_where_the_table_says() {
    // No module can see that it is not called. The list is the operator's, and these are its risk.
    let opens = [
        "proxy_on_request_body",
        "proxy_on_request_headers",
        "proxy_on_request_trailers",
        "proxy_on_response_body",
    ];
    let mut found = BTreeSet::new();
    for callback in module().callbacks() {
        // Nothing here may pass: no token, nothing mapped, and a look-up that is never answered.
        let built = gateway(&inline())
            .without_callback(&callback)
            .clusters(|_| CalloutAnswer::Never)
            .upstream(|_| record_of("bob"))
            .build();
        let Ok(mut gateway) = built else { continue };
        let with_body = |target: &str| ask(target).chunk("a").trailer("x", "1");
        for request in [Request::get("/p/1"), with_body("/nothing"), with_body("/l/1")] {
            if gateway.send(request).upstream.is_some() {
                found.insert(callback.clone());
            }
        }
        // Somebody else's record, held by the answer.
        let shown = gateway.send(ask("/h/1")).client;
        if shown.is_some_and(|client| client.body.starts_with(b"{\"owner\"")) {
            found.insert(callback.clone());
        }
    }
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, opens);
    let page = std::fs::read_to_string(super::world::root().join("docs/threat-model.md")).unwrap();
    assert!(opens.iter().all(|callback| page.contains(&format!("`{callback}`"))), "it is told");
}

#[test]
fn a_host_that_cannot_hold_headers_passes_nothing_that_waits_for_a_body() {
    let mut gateway = gateway(&inline()).holds_headers(false).build().unwrap();
    let exchange = gateway.send(ask("/a/1").header(":method", "PUT").body("x"));
    assert!(exchange.upstream.is_none());
    // Nor an answer that has to be held.
    let exchange = gateway.send(ask("/h/1"));
    assert_eq!((exchange.status(), exchange.trapped), (0, false));
    for target in ["/p/1", "/l/1"] {
        assert_eq!(gateway.send(ask(target)).status(), 200);
    }
}

#[test]
fn an_agent_named_by_its_certificate_is_named_by_the_connection_and_no_header() {
    let with_mtls = super::world::POLICY
        .replace("identity:", "identity:\n  actor_from: [act, client_id, mtls]")
        .replace("client_id: bot }", "client_id: bot, spiffe: \"spiffe://x/bot\" }")
        .replace("JWKS", &format!("{{ inline: {} }}", super::world::keys(7, "k1")));
    let mut gateway = gateway(&super::world::compiled(&with_mtls)).build().unwrap();
    let mut with = |verified: u8, name: &str, header: &str| {
        let mut request = ask("/p/1").header("x-forwarded-client-cert", header);
        request.properties = vec![
            ("connection.mtls".to_owned(), vec![verified]),
            ("connection.uri_san_peer_certificate".to_owned(), name.as_bytes().to_vec()),
        ];
        let exchange = gateway.send(request);
        (exchange.status(), reason(&exchange))
    };
    let forged = "URI=spiffe://x/bot";
    assert_eq!(with(1, "spiffe://x/bot", "").0, 200);
    assert_eq!(with(0, "", forged).0, 200, "no certificate is no source");
    let (status, why) = with(1, "spiffe://x/other", forged);
    assert_eq!((status, why.as_str()), (403, "unknown-actor"));
}

#[test]
fn workers_are_independent_and_share_their_counters() {
    let mut gateway = gateway(&inline()).workers(3).cas(CasDialect::Nginx).build().unwrap();
    for worker in 0..3 {
        let exchange = gateway.send_to(worker, ask("/p/1"));
        assert_eq!(told(&exchange), (200, "allowed-by-rule".to_owned(), true));
        assert_eq!(gateway.send_to(worker, Request::get("/p/1")).status(), 401);
    }
    // Counted by each worker for itself, and told with its next tick.
    gateway.advance(1);
    let metrics = gateway.metrics();
    let count = |text: &str| {
        let named = metrics.iter().filter(|(name, _)| name.starts_with(text));
        named.map(|(_, count)| count).sum::<i64>()
    };
    let counts = (count("ambit.decisions.allow"), count("ambit.decisions.deny"));
    assert_eq!(counts, (3, 3), "{metrics:?}");
}
