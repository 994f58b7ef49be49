//! Every phase meets every event: what does not fit closes, what comes after the end changes
//! nothing, and neither forwards.

use super::host::{Ask, NOW, World, policy};
use crate::enforcement::{
    CalloutReply, Enforcement, Event, Header, Outcome, SignatureVerdict, Step,
};
use serde_json::Value;

const OWN: &[u8] = br#"{"owner":"alice","open":true,"sealed":false}"#;
const JSON: [Header<'static>; 2] = [(b":status", b"200"), (b"content-type", b"application/json")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Begin,
    CheckingSignature,
    LookingUp,
    AwaitingBody,
    Forwarded,
    Held,
    HoldingResponse,
    Replied,
    Released,
}

const PHASES: [At; 9] = [
    At::Begin,
    At::CheckingSignature,
    At::LookingUp,
    At::AwaitingBody,
    At::Forwarded,
    At::Held,
    At::HoldingResponse,
    At::Replied,
    At::Released,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Callout,
    Failed,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    Signature,
}

const EVENTS: [Told; 7] = [
    Told::Callout,
    Told::Failed,
    Told::RequestBody,
    Told::RequestHeaders,
    Told::ResponseBody,
    Told::ResponseHeaders,
    Told::Signature,
];

fn request<'w>(world: &'w World, at: At) -> Ask<'w> {
    match at {
        At::LookingUp => world.ask("PUT", "/v1/documents/7").body(&[b"x"]),
        At::AwaitingBody => world.ask("PUT", "/v1/payments/7").body(&[b"x"]),
        At::Held | At::HoldingResponse | At::Released => world.ask("GET", "/v1/letters/7"),
        At::Replied => world.ask("GET", "/v1/nothing"),
        At::Begin | At::CheckingSignature | At::Forwarded => world.ask("GET", "/v1/tickets/7"),
    }
}

/// An enforcement in this phase.
fn reach(world: &World, at: At) -> Enforcement {
    let mut enforcement = world.enforcement();
    if at == At::Begin {
        return enforcement;
    }
    let step = request(world, at).begin(&mut enforcement);
    let Step::CheckSignature(check) = step else { panic!("{at:?}: {step:?}") };
    if at == At::CheckingSignature {
        return enforcement;
    }
    let step = enforcement.on_signature(NOW, *check, SignatureVerdict::Valid);
    let fits = match at {
        At::Begin | At::CheckingSignature => false,
        At::LookingUp => matches!(step, Step::CallOut(_)),
        At::AwaitingBody => matches!(step, Step::NeedBody),
        At::Forwarded => matches!(step, Step::Forward(..)),
        At::Held | At::HoldingResponse | At::Released => matches!(step, Step::ForwardHeld(..)),
        At::Replied => matches!(step, Step::Reply(_)),
    };
    assert!(fits, "{at:?}: {step:?}");
    if matches!(at, At::HoldingResponse | At::Released) {
        let step = enforcement.on(NOW, Event::ResponseHeaders { headers: &JSON, end: false });
        assert!(matches!(step, Step::HoldResponse), "{step:?}");
    }
    if at == At::Released {
        let step = enforcement.on(NOW, Event::ResponseBody { bytes: OWN, end: true });
        assert!(matches!(step, Step::PassResponse), "{step:?}");
    }
    enforcement
}

fn tell(world: &World, enforcement: &mut Enforcement, told: Told) -> Step {
    let event = match told {
        Told::Callout => {
            let reply = CalloutReply { status: Some(200), body: OWN };
            Event::CalloutReply { callout: 0, reply }
        }
        Told::Failed => Event::HostFailed,
        Told::RequestBody => Event::RequestBody { bytes: b"x", end: true },
        Told::RequestHeaders => {
            return world.ask("GET", "/v1/tickets/8").begin(enforcement);
        }
        Told::ResponseBody => Event::ResponseBody { bytes: OWN, end: true },
        Told::ResponseHeaders => Event::ResponseHeaders { headers: &JSON, end: false },
        Told::Signature => {
            // A good one, of the same token in another worker, which does not remember it.
            let other = World::new();
            let step = other.ask("GET", "/v1/tickets/7").begin(&mut other.enforcement());
            let Step::CheckSignature(check) = step else { panic!("{step:?}") };
            return enforcement.on_signature(NOW, *check, SignatureVerdict::Valid);
        }
    };
    enforcement.on(NOW, event)
}

/// What belongs there, and may go on.
const fn fits(at: At, told: Told) -> bool {
    matches!(
        (at, told),
        (At::Begin, Told::RequestHeaders)
            | (At::CheckingSignature, Told::Signature)
            | (At::LookingUp, Told::Callout | Told::RequestBody)
            | (At::AwaitingBody, Told::RequestBody)
            | (At::Held, Told::ResponseHeaders)
            | (At::HoldingResponse, Told::ResponseBody)
    )
}

fn record(enforcement: &Enforcement) -> Value {
    serde_json::from_str(&enforcement.record(Outcome::default())).unwrap()
}

#[test]
fn what_does_not_fit_closes_and_what_comes_after_the_end_changes_nothing() {
    for at in PHASES {
        for told in EVENTS.into_iter().filter(|told| !fits(at, *told)) {
            let world = World::new();
            let mut enforcement = reach(&world, at);
            let before = record(&enforcement);
            let step = tell(&world, &mut enforcement, told);
            let place = format!("{at:?} {told:?}: {step:?}");
            let after = record(&enforcement);
            match (at, told) {
                (At::Replied, _) => {
                    assert!(matches!(step, Step::Wait), "{place}");
                    assert_eq!(after, before, "{place}");
                }
                // What was let go cannot be called back, but for a host that could not let it go.
                (At::Forwarded | At::Released, told) if told != Told::Failed => {
                    assert!(matches!(step, Step::PassResponse), "{place}");
                    assert_eq!(after, before, "{place}");
                }
                _ => {
                    let Step::Reply(reply) = step else { panic!("{place}") };
                    assert_eq!((reply.status, &*reply.details), (503, "ambit_host_failure"));
                    assert_eq!(
                        (&after["effect"], &after["reason"]),
                        (&"deny".into(), &"host-failure".into())
                    );
                    // Closed: nothing opens it again.
                    for told in EVENTS {
                        let step = tell(&world, &mut enforcement, told);
                        assert!(matches!(step, Step::Wait), "{place} then {told:?}: {step:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_fits_goes_on() {
    for at in PHASES {
        for told in EVENTS.into_iter().filter(|told| fits(at, *told)) {
            let world = World::new();
            let mut enforcement = reach(&world, at);
            let step = tell(&world, &mut enforcement, told);
            let good = match (at, told) {
                (At::Begin, _) => matches!(step, Step::CheckSignature(_)),
                (At::CheckingSignature, _) | (At::LookingUp, Told::Callout) => {
                    matches!(step, Step::Forward(..))
                }
                (At::LookingUp, _) => matches!(step, Step::Wait),
                (At::AwaitingBody, _) => matches!(step, Step::Reply(_)),
                (At::Held, _) => matches!(step, Step::HoldResponse),
                (At::HoldingResponse, _) => matches!(step, Step::PassResponse),
                _ => false,
            };
            assert!(good, "{at:?} {told:?}: {step:?}");
        }
    }
}

#[test]
fn only_a_held_request_wants_its_response() {
    for at in PHASES {
        let world = World::new();
        let wanted = matches!(at, At::Held | At::HoldingResponse);
        assert_eq!(reach(&world, at).wants_response(), wanted, "{at:?}");
    }
}

#[test]
fn a_request_that_never_came_to_a_decision_is_recorded_as_the_deny_it_was() {
    for at in [At::Begin, At::CheckingSignature] {
        let record = record(&reach(&World::new(), at));
        assert_eq!(
            (&record["effect"], &record["reason"]),
            (&"deny".into(), &"host-failure".into())
        );
        assert_eq!(record["outcome"]["forwarded"], false);
    }
    for at in [At::LookingUp, At::AwaitingBody, At::Held, At::HoldingResponse] {
        let record = record(&reach(&World::new(), at));
        assert_eq!(record["effect"], "deny", "{at:?}");
    }
}

#[test]
fn a_shadow_never_answers_whatever_it_is_told() {
    let world = World::of(&policy("mode: shadow"));
    for told in EVENTS {
        let mut enforcement = world.enforcement();
        let mut step = tell(&world, &mut enforcement, told);
        if let Step::CheckSignature(check) = step {
            step = enforcement.on_signature(NOW, *check, SignatureVerdict::Unavailable);
        }
        assert!(matches!(step, Step::Forward(..)), "{told:?}: {step:?}");
        // Nor does it forward twice.
        for told in EVENTS.into_iter().filter(|told| *told != Told::Failed) {
            let step = tell(&world, &mut enforcement, told);
            assert!(matches!(step, Step::PassResponse), "{told:?}: {step:?}");
        }
    }
}
