//! The probe in a worker of a real gateway, to which messages come piece by piece.

use super::probe::assembled;
use ambit_test_harness::proxy_host::{Arrived, Gateway, Half, Headers, Live, Module, Out};
use std::sync::{Arc, Mutex};

type Lines = Arc<Mutex<Vec<String>>>;

fn started() -> (Live, Lines) {
    let lines = Lines::default();
    let kept = Arc::clone(&lines);
    let module = Module::compile(&assembled()).unwrap();
    let built = Gateway::builder(&module)
        .configuration("probe")
        .log_to(move |_, _, line| kept.lock().unwrap().push(line.to_owned()))
        .build_live(Vec::new());
    (built.unwrap().0.remove(0), lines)
}

fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect()
}

fn post(script: &str) -> Headers {
    headers(&[(":method", "POST"), (":path", "/"), (":authority", "a"), ("x-script", script)])
}

fn whole(text: &str) -> Arrived {
    Arrived::Body { bytes: text.as_bytes().to_vec(), end: true }
}

fn out(live: &mut Live) -> Vec<Out> {
    live.take_outs().into_iter().flat_map(|(_, outs)| outs).collect()
}

#[test]
fn the_log_of_a_live_exchange_knows_what_was_sent_and_who_answered() {
    let (mut live, lines) = started();
    let stream = live.open(post(""), true, Vec::new());
    live.answered(stream, headers(&[(":status", "200")]), false);
    let piece = Arrived::Body { bytes: b"hello ".to_vec(), end: false };
    live.arrives(stream, Half::Response, piece);
    live.arrives(stream, Half::Response, whole("world"));
    assert!(matches!(out(&mut live).last(), Some(Out::Over(_))));
    let told = lines.lock().unwrap();
    let why = told.iter().rfind(|line| line.starts_with("probe|-why")).unwrap();
    assert_eq!(why, "probe|-why details=0:via_upstream size=0:11 upstream=0");
}

#[test]
fn trailers_that_are_made_for_a_live_body_follow_it_and_never_go_first() {
    let (mut live, _) = started();
    let stream = live.open(post("p,Ap"), false, Vec::new());
    live.arrives(stream, Half::Request, whole("held"));
    assert!(out(&mut live).is_empty(), "what is held goes nowhere");

    let stream = live.open(post("p,Ae"), false, Vec::new());
    live.arrives(stream, Half::Request, whole("held"));
    let made = headers(&[("x-more", "more")]);
    let gone = out(&mut live);
    assert!(
        matches!(&gone[..], [
            Out::RequestHeaders(_),
            Out::RequestBody(body),
            Out::RequestTrailers(trailers),
            Out::RequestEnd,
        ] if body == b"held" && *trailers == made),
        "{gone:?}"
    );
}
