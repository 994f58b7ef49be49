//! What is asked for: paths, hosts, methods and headers that two readers could take differently.

use super::host::{Seen, World};
use crate::enforcement::Edits;

fn path_set(seen: &Seen) -> Option<&str> {
    let Edits { set, .. } = seen.edits.as_ref().unwrap();
    set.iter().find(|(name, _)| name == ":path").map(|(_, value)| value.as_str())
}

#[test]
fn a_path_is_set_anew_only_where_it_was_spelt_differently_and_the_query_stays() {
    let world = World::new();
    for (sent, edit, id) in [
        ("/v1/tickets/7", None, "7"),
        ("/v1/tickets/7?b=%2F..%2f&a", None, "7"),
        ("/v1/tickets/7?", None, "7"),
        ("/v1/tickets/a%20b", None, "a b"),
        ("/v1/tickets/%C3%A9", None, "é"),
        ("/v1/%74ickets/7", Some("/v1/tickets/7"), "7"),
        ("/v1/tickets/%37?q=%37&%71", Some("/v1/tickets/7?q=%37&%71"), "7"),
        ("/v1/tickets/%c3%a9", Some("/v1/tickets/%C3%A9"), "é"),
        ("/v1/tickets/%7Eme?", Some("/v1/tickets/~me?"), "~me"),
    ] {
        let seen = world.ask("GET", sent).send();
        let upstream = seen.forwarded();
        assert_eq!(path_set(&seen), edit, "{sent}");
        assert_eq!(upstream.get(":path").as_deref(), Some(edit.unwrap_or(sent)));
        assert_eq!(seen.record["resource"]["id"], id);
        // What was forwarded is what the record says was decided.
        let forwarded = upstream.get(":path").unwrap();
        let path = forwarded.split('?').next().unwrap();
        assert_eq!(seen.record["http"]["path"], path);
    }
}

#[test]
fn spellings_that_another_reader_could_take_for_another_path_are_refused_before_any_token_work() {
    for path in [
        "",
        "*",
        "v1/tickets/7",
        "http://api.example.com/v1/tickets/7",
        "//v1/tickets/7",
        "/v1//tickets/7",
        "/v1/tickets/../tickets/7",
        "/v1/tickets/%2e%2E/7",
        "/v1/tickets/.",
        "/v1/tickets%2f7",
        "/v1/tickets%5C7",
        "/v1\\tickets/7",
        "/v1/tickets/7%00",
        "/v1/tickets/7%0d%0aambit:x",
        "/v1/tickets/7%25",
        "/v1/tickets/7;a=b",
        "/v1/tickets/7%3ba=b",
        "/v1/tickets/%u0037",
        "/v1/tickets/%c0%ae",
        "/v1/tickets/%f",
        "/v1/tickets/7#fragment",
        "/v1/tickets/7?a#b",
        "/v1/tickets/7?a b",
        "/v1/tickets/7?\u{e9}",
        "/v1/tickets/\u{e9}",
    ] {
        let seen = World::new().ask("GET", path).send();
        seen.refused(400, "malformed-request");
        assert_eq!(seen.signatures, 0, "{path}");
    }
    let long = format!("/v1/tickets/{}", "a".repeat(257));
    World::new().ask("GET", &long).send().refused(400, "malformed-request");
}

#[test]
fn only_the_hosts_of_the_policy_are_mapped_and_default_ports_are_no_other_host() {
    for (authority, scheme, mapped) in [
        ("api.example.com", "https", true),
        ("API.Example.COM", "https", true),
        ("api.example.com:443", "https", true),
        ("api.example.com:80", "http", true),
        ("api.example.com:443", "http", false),
        ("api.example.com:80", "https", false),
        ("api.example.com:8443", "https", false),
        ("api.example.com.evil.example", "https", false),
        ("www.api.example.com", "https", false),
        ("example.com", "https", false),
        ("127.0.0.1", "https", false),
    ] {
        let seen = World::new()
            .ask("GET", "/v1/tickets/7")
            .instead(":authority", authority)
            .instead(":scheme", scheme)
            .send();
        match mapped {
            true => {
                seen.forwarded();
            }
            false => {
                seen.refused(403, "unmapped-request");
            }
        }
    }
    for authority in ["", "api.example.com.", "u@api.example.com", "api.example.com:", "a,b", "a b"]
    {
        let seen = World::new().ask("GET", "/v1/tickets/7").instead(":authority", authority).send();
        seen.refused(400, "malformed-request");
    }
}

#[test]
fn methods_beyond_the_known_ones_mean_nothing() {
    for method in ["OPTIONS", "TRACE", "PROPFIND", "QUERY", "X-GET", "PATCHED", "TRACE_IT"] {
        World::new().ask(method, "/v1/tickets/7").send().refused(403, "unmapped-request");
    }
    for method in ["", "get", "Get", "G ET", "GET\n", "GET,POST", "CONNECT"] {
        World::new().ask(method, "/v1/tickets/7").send().refused(400, "malformed-request");
    }
    World::new().ask("HEAD", "/v1/tickets/7").send().forwarded();
}

#[test]
fn a_request_without_what_every_request_has_is_refused() {
    for missing in [":method", ":authority", ":path"] {
        let mut ask = World::new().ask("GET", "/v1/tickets/7").headers;
        ask.retain(|(name, _)| name != missing.as_bytes());
        let world = World::new();
        let mut request = world.ask("GET", "/");
        request.headers = ask;
        request.send().refused(400, "malformed-request");
    }
}

#[test]
fn tunnels_and_upgrades_are_refused() {
    let world = World::new();
    let refused = |seen: Seen| {
        seen.refused(400, "malformed-request");
    };
    refused(world.ask("CONNECT", "/v1/tickets/7").send());
    refused(world.ask("CONNECT", "/v1/tickets/7").header(":protocol", "websocket").send());
    refused(world.ask("GET", "/v1/tickets/7").header(":protocol", "websocket").send());
    refused(world.ask("GET", "/v1/tickets/7").header("upgrade", "websocket").send());
    refused(world.ask("GET", "/v1/tickets/7").header("Upgrade", "h2c").send());
    refused(world.ask("GET", "/v1/tickets/7").header("http2-settings", "AAMAAABk").send());
    refused(world.ask("GET", "/v1/tickets/7").header("host", "api.example.com").send());
}

#[test]
fn ways_to_ask_for_another_method_or_path_are_removed_however_they_are_spelt() {
    for name in [
        "x-http-method",
        "x-http-method-override",
        "X-HTTP-Method-Override",
        "x_http_method_override",
        "x-method-override",
        "x-original-url",
        "X_Original_Url",
        "x-original-uri",
        "x-original-host",
        "x-original-method",
        "x-rewrite-url",
        "x-rewrite-uri",
        "x-override-url",
        "x-forwarded-host",
        "Forwarded",
        "X-Forwarded-User",
        "x_remote_user",
        "X-Real-IP",
        "X_Envoy_Internal",
        "x_forwarded_for",
        "proxy_authorization",
    ] {
        let seen = World::new().ask("GET", "/v1/tickets/7").header(name, "DELETE").send();
        assert!(!seen.forwarded().has(name), "{name}");
    }
    let seen = World::new().ask("GET", "/v1/tickets/7").header("x-request-id", "1").send();
    assert_eq!(seen.forwarded().get("x-request-id").as_deref(), Some("1"));
}

#[test]
fn names_that_begin_with_ambit_are_removed_in_every_spelling() {
    for name in [
        "ambit",
        "Ambit",
        "AMBIT",
        "ambit-sub",
        "Ambit_Sub",
        "ambit_",
        "AMBIT-APPROVAL-ID",
        "ambit_approval",
        "ambit_grant",
        "ambit-approval",
        "ambit-grant",
        "ambitious",
        "ambit.sub",
    ] {
        let seen = World::new().ask("GET", "/v1/tickets/7").header(name, "forged").send();
        let upstream = seen.forwarded();
        let told = upstream.get("ambit").unwrap();
        assert!(told.starts_with("id=\"record-1\""), "{told}");
        let forged = upstream.0.iter().any(|(_, value)| value == b"forged");
        assert!(!forged, "{name}: {upstream:?}");
        assert!(seen.edits.unwrap().drop_ambit_trailers);
    }
}

#[test]
fn a_second_one_of_any_header_that_must_be_single_is_refused() {
    for (name, value) in [
        (":authority", "api.example.com"),
        (":method", "GET"),
        (":path", "/v1/tickets/7"),
        (":scheme", "https"),
        ("access-control-request-method", "GET"),
        ("ambit-approval", "x"),
        ("ambit-grant", "x"),
        ("authorization", "Bearer x"),
        ("content-encoding", "identity"),
        ("content-length", "0"),
        ("content-type", "text/plain"),
        ("dpop", "x"),
        ("if-match", "\"a\""),
        ("if-none-match", "\"a\""),
        ("if-unmodified-since", "Tue, 24 Nov 2026 00:00:00 GMT"),
        ("origin", "https://app.example.com"),
    ] {
        // The first is there already, in some cases; the others differ in the case of the name.
        let seen = World::new()
            .ask("GET", "/v1/tickets/7")
            .instead(name, value)
            .header(&name.to_ascii_uppercase(), value)
            .send();
        seen.refused(400, "malformed-request");
        assert_eq!(seen.signatures, 0, "{name}");
    }
    let seen =
        World::new().ask("GET", "/v1/tickets/7").header("accept", "a").header("accept", "b").send();
    seen.forwarded();
}

#[test]
fn bytes_that_are_no_text_are_refused_where_a_header_is_read_and_passed_on_elsewhere() {
    for name in [
        ":path",
        ":authority",
        ":method",
        "authorization",
        "content-type",
        "content-encoding",
        "content-length",
        "if-match",
        "if-none-match",
        "if-unmodified-since",
        "origin",
        "dpop",
    ] {
        for value in [&b"a\xffb"[..], b"a\x00b", b"a\rb", b"a\nb", b"a\x7fb"] {
            let mut ask = World::new().ask("GET", "/v1/tickets/7").headers;
            ask.retain(|(key, _)| key != name.as_bytes());
            let world = World::new();
            let mut request = world.ask("GET", "/");
            request.headers = ask;
            request.bytes(name.as_bytes(), value).send().refused(400, "malformed-request");
        }
    }
    let seen = World::new().ask("GET", "/v1/tickets/7").bytes(b"x-name", b"\xff\xfe").send();
    assert!(seen.forwarded().0.contains(&(b"x-name".to_vec(), b"\xff\xfe".to_vec())));
}

#[test]
fn a_name_that_is_no_name_is_refused_for_it_could_not_be_removed() {
    for name in
        [&b"ambit\xff"[..], b"ambit\xc3\xa9", b" ambit", b"ambit ", b"x y", b"", b":", b"a:b"]
    {
        let seen = World::new().ask("GET", "/v1/tickets/7").bytes(name, b"forged").send();
        seen.refused(400, "malformed-request");
        assert_eq!(seen.signatures, 0);
    }
    World::new().ask("GET", "/v1/tickets/7").header("X_a.b~1!", "x").send().forwarded();
}

#[test]
fn more_headers_than_an_honest_client_sends_are_refused() {
    let fill = |count: usize, value: &str| {
        let world = World::new();
        let mut ask = world.ask("GET", "/v1/tickets/7");
        for at in 0..count {
            ask = ask.header(&format!("x-{at}"), value);
        }
        ask.send()
    };
    fill(250, "a").forwarded();
    fill(300, "a").refused(400, "malformed-request");
    fill(1, &"a".repeat(100_000)).refused(400, "malformed-request");
}

#[test]
fn the_query_is_in_the_record_only_at_level_request() {
    let quiet = World::new().ask("GET", "/v1/tickets/7?name=alice").send();
    assert!(!quiet.record.to_string().contains("name=alice"));
    let world = World::with("audit: { level: request }");
    let told = world.ask("GET", "/v1/tickets/7?name=alice").send();
    assert_eq!(told.record["http"]["query"], "name=alice");
}

#[test]
fn a_form_that_asks_for_another_method_or_carries_a_token_passes_on_no_request() {
    const FORM: &str = "application/x-www-form-urlencoded";
    const PARTS: &str = "multipart/form-data; boundary=x";
    let part = b"--x\r\ncontent-disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--x--";
    let world = World::new();
    let ask = |kind: &str, body: &[&[u8]]| {
        let ask = world.ask("POST", "/v1/notes/7").header("content-type", kind);
        ask.body(body).send()
    };
    ask(FORM, &[b"a=1&_method=DELETE"]).refused(400, "malformed-request");
    ask(FORM, &[b"a=1&_met", b"hod=DELETE"]).refused(400, "malformed-request");
    ask(PARTS, &[part]).refused(400, "malformed-request");
    ask(FORM, &[b"access_token=x"]).refused(400, "token-in-url");
    ask(FORM, &[b"a=1&method=DELETE"]).forwarded();
    ask("application/json", &[b"_method=DELETE"]).forwarded();
    let gzip = world.ask("POST", "/v1/notes/7").header("content-type", FORM);
    gzip.header("content-encoding", "gzip").body(&[b"x"]).send().refused(400, "malformed-request");
    // Where the answer decides, the form is read before anything is sent.
    let letter = world.ask("GET", "/v1/letters/7").header("content-type", FORM);
    letter.body(&[b"_method=DELETE"]).send().refused(400, "malformed-request");
    let small = World::with("limits: { request_body: 8 }");
    let large = small.ask("POST", "/v1/notes/7").header("content-type", FORM);
    large.body(&[b"a=123456789"]).send().refused(413, "body-too-large");
}

#[test]
fn only_http_and_https_are_schemes_of_a_request() {
    for scheme in ["ftp", "file", "", "ws", "https, http", "http "] {
        let world = World::new();
        let ask = world.ask("GET", "/v1/tickets/7").instead(":scheme", scheme);
        ask.send().refused(400, "malformed-request");
    }
    World::new().ask("GET", "/v1/tickets/7").instead(":scheme", "HTTPS").send().forwarded();
}

#[test]
fn trailers_that_would_decide_on_a_request_are_named() {
    for name in ["ambit", "Ambit_Sub", "Authorization", "cookie", "X-Original-URL", "x_http_method"]
    {
        assert!(crate::enforcement::is_no_trailer(name.as_bytes()), "{name}");
    }
    for name in ["x-sum", "grpc-status", "digest", "server-timing"] {
        assert!(!crate::enforcement::is_no_trailer(name.as_bytes()), "{name}");
    }
}
