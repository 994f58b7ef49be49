//! Shadow mode: everything passes as it came but for what clients forge, and the record says what
//! would have been.

use super::host::{Ask, Seen, World, policy, token};
use crate::enforcement::SignatureVerdict;
use serde_json::json;

fn shadow() -> World {
    World::of(&policy("mode: shadow"))
}

/// Passed on as it came, and recorded as what would have been.
#[track_caller]
fn passed(seen: &Seen, sent: &[(Vec<u8>, Vec<u8>)], effect: &str, reason: &str) {
    assert!(seen.reply.is_none() && !seen.held && seen.callouts.is_empty(), "{reason}");
    assert_eq!(seen.upstream.as_ref().unwrap().0, sent, "{reason}");
    assert_eq!((&seen.record["effect"], &seen.record["reason"]), (&effect.into(), &reason.into()));
    assert_eq!(seen.record["shadow"], true);
    assert_eq!(seen.record["outcome"]["forwarded"], true);
}

#[test]
fn everything_passes_as_it_came_and_the_record_says_what_would_have_been() {
    let world = shadow();
    let weak = token(&json!({"scope": "read:note"}));
    type Change<'w> = Box<dyn Fn() -> Ask<'w> + 'w>;
    let cases: Vec<(Change<'_>, &str, &str)> = vec![
        (Box::new(|| world.ask("GET", "/v1/tickets/7")), "allow", "allowed-by-rule"),
        (
            Box::new(|| world.ask("GET", "/v1/notes/%37?a").header("cookie", "a=1")),
            "allow",
            "allowed-by-rule",
        ),
        (Box::new(|| world.bare("GET", "/v1/tickets/7")), "deny", "no-token"),
        (Box::new(|| world.ask("GET", "/v1/tickets/7").token("a.b.c")), "deny", "malformed-token"),
        (Box::new(|| world.ask("GET", "/v1/tickets/7").token(&weak)), "deny", "insufficient-scope"),
        (Box::new(|| world.ask("GET", "/v1/tickets/7").at(10_000)), "deny", "expired"),
        (Box::new(|| world.ask("GET", "/v1/nothing")), "deny", "unmapped-request"),
        (Box::new(|| world.ask("GET", "/v1/../tickets")), "deny", "malformed-request"),
        (Box::new(|| world.ask("GET", "/v1/tickets/7?access_token=x")), "deny", "token-in-url"),
        (
            Box::new(|| world.ask("GET", "/v1/tickets/7").header("upgrade", "websocket")),
            "deny",
            "malformed-request",
        ),
        (Box::new(|| world.ask("CONNECT", "/v1/tickets/7")), "deny", "malformed-request"),
        (
            Box::new(|| world.ask("GET", "/v1/tickets/7").header("authorization", "Bearer x")),
            "deny",
            "malformed-request",
        ),
        (Box::new(|| world.ask("POST", "/v1/payments").body(&[b"x"])), "deny", "approval-required"),
        (Box::new(|| world.ask("GET", "/v1/documents/7")), "deny", "not-allowed"),
        (Box::new(|| world.ask("GET", "/v1/letters/7")), "deny", "not-allowed"),
        (Box::new(|| world.bare("GET", "/.well-known/ambit/jwks")), "deny", "no-token"),
        (
            Box::new(|| world.bare("GET", "/.well-known/oauth-protected-resource")),
            "deny",
            "no-token",
        ),
        (
            Box::new(|| {
                world
                    .bare("OPTIONS", "/v1/tickets/7")
                    .header("origin", "https://app.example.com")
                    .header("access-control-request-method", "GET")
            }),
            "deny",
            "no-token",
        ),
    ];
    for (ask, effect, reason) in &cases {
        let sent = ask().headers;
        passed(&ask().send(), &sent, effect, reason);
    }
}

#[test]
fn a_signature_that_could_not_be_checked_passes_and_is_recorded() {
    for (verdict, reason) in [
        (SignatureVerdict::Unavailable, "host-failure"),
        (SignatureVerdict::Invalid, "bad-signature"),
    ] {
        let world = shadow();
        let sent = world.ask("GET", "/v1/tickets/7").headers;
        let seen = world.ask("GET", "/v1/tickets/7").verdict(verdict).send();
        passed(&seen, &sent, "deny", reason);
    }
}

#[test]
fn what_clients_forge_is_removed_whatever_was_decided_and_nothing_else_is() {
    for path in ["/v1/tickets/7", "/v1/nothing", "/v1/../x", ""] {
        let world = shadow();
        let sent = world.ask("GET", path).headers;
        let seen = world
            .ask("GET", path)
            .header("ambit", "forged")
            .header("Ambit_Sub", "forged")
            .header("ambit-approval", "forged")
            .header("AMBIT-GRANT", "forged")
            .send();
        assert_eq!(seen.upstream.as_ref().unwrap().0, sent, "{path}");
        assert!(seen.edits.unwrap().drop_ambit_trailers);
    }
}

#[test]
fn what_an_upstream_may_rely_on_before_ambit_binds_stays() {
    for name in ["x-forwarded-host", "x-http-method-override", "x-original-url"] {
        let world = shadow();
        let ask = || world.ask("GET", "/v1/tickets/7").header(name, "x");
        passed(&ask().send(), &ask().headers, "allow", "allowed-by-rule");
    }
}
