//! The way of one half through the module, as measured on Envoy 1.40 (`tests/host/`).

use super::{Flight, Piece, Side, Way, announced, pieces, size, with_status};
use crate::proxy_host::builder::Framing;
use crate::proxy_host::callout::CalloutAnswer;
use crate::proxy_host::gateway::Around;
use crate::proxy_host::message::{Headers, Response};
use crate::proxy_host::state::Pending;
use crate::proxy_host::worker::Worker;

/// `Action::Continue` of the ABI.
const CONTINUE: u32 = 0;
/// What Envoy says of an answer whose `:status` the module took away.
const NO_STATUS: &str =
    "filter_removed_required_response_headers{missing_required_header:_:status}";

impl Flight {
    /// Does the next thing.
    pub(super) fn step(&mut self, worker: &mut Worker, around: &Around) -> Way {
        if worker.dead {
            self.reached(worker);
            self.trapped();
            if self.side == Side::Response && self.half(worker).released {
                self.exchange.client = None;
                self.exchange.cut = true;
            }
            return Way::Over;
        }
        let stream = self.stream(worker);
        if stream.closed {
            self.exchange.reset = true;
            return Way::Over;
        }
        if let Some(reply) = stream.take_reply() {
            return self.reply(worker, around, announced(reply));
        }
        let half = self.half(worker);
        let resumed = std::mem::take(&mut half.resumed);
        let held_back = resumed && !half.released && !around.holds;
        if resumed {
            half.let_go();
        }
        let (released, clear) = (half.released, half.is_clear());
        if held_back {
            self.arrived_meanwhile();
        }
        match self.next_piece() {
            None if self.breaks_off && self.side == Side::Response => {
                self.exchange.cut = true;
                let why = "upstream_reset_after_response_started{connection_termination}";
                self.stream(worker).details = Some(why.to_owned());
                Way::Over
            }
            None if self.has_more() => Way::Waits,
            None if clear => self.half_is_over(worker, around),
            Some(Piece::Headers { .. }) => self.tell_next(worker, around),
            Some(_) if self.waits_first(worker, released) => Way::Waits,
            // Without the flag nothing follows headers that are held.
            Some(_) if released || around.holds => self.tell_next(worker, around),
            Some(_) | None => Way::Waits,
        }
    }

    /// Without the flag a body waits in front of the filter, and comes as one piece.
    fn arrived_meanwhile(&mut self) {
        let (mut all, mut ended, mut some) = (Vec::new(), false, false);
        let left = std::mem::take(self.left());
        for piece in left {
            match piece {
                Piece::Body { bytes, end } => {
                    all.extend(bytes);
                    ended |= end;
                    some = true;
                }
                piece => self.left().push_back(piece),
            }
        }
        if some {
            self.left().push_front(Piece::Body { bytes: all, end: ended });
        }
    }

    /// Whether a callout is to be answered before more of the body comes.
    fn waits_first(&self, worker: &mut Worker, released: bool) -> bool {
        let ends = |one: &Pending| {
            one.asker == self.context && !matches!(one.answer, CalloutAnswer::Never)
        };
        self.callouts_first && !released && worker.state().callouts.iter().any(ends)
    }

    fn tell_next(&mut self, worker: &mut Worker, around: &Around) -> Way {
        match self.left().pop_front() {
            Some(Piece::Headers { end }) => self.tell_headers(worker, around, end),
            Some(Piece::Body { bytes, end }) => self.tell_body(worker, around, &bytes, end),
            Some(Piece::Trailers(trailers)) => self.tell_trailers(worker, trailers),
            None => Way::Waits,
        }
    }

    /// Calls back; `None` where something else than the callback's answer decides what comes next.
    fn call(&self, worker: &mut Worker, what: &str, arguments: &[u32]) -> Option<u32> {
        let side = match self.side {
            Side::Request => "request",
            Side::Response => "response",
        };
        let mut all = vec![self.context];
        all.extend(arguments);
        let action = worker.call(&format!("proxy_on_{side}_{what}"), &all).ok()?;
        let stream = self.stream(worker);
        let interrupted = stream.closed || stream.reply.is_some();
        // A callback that the module does not have lets everything pass.
        (!interrupted).then(|| action.unwrap_or(CONTINUE))
    }

    fn tell_headers(&mut self, worker: &mut Worker, around: &Around, end: bool) -> Way {
        let half = self.half(worker);
        half.headers_open = true;
        let count = size(half.headers.len());
        if self.call(worker, "headers", &[count, u32::from(end)]) == Some(CONTINUE) {
            let whole = self.half(worker).headers.iter().any(|(name, _)| name == ":status");
            if self.side == Side::Response && !whole {
                self.half(worker).headers_open = false;
                let body = "missing required header: :status";
                self.stream(worker).details = Some(NO_STATUS.to_owned());
                return self.reply(worker, around, announced(Response::new(502).body(body)));
            }
            let half = self.half(worker);
            half.headers_open = false;
            half.released = true;
        }
        Way::GoesOn
    }

    fn tell_body(&mut self, worker: &mut Worker, around: &Around, bytes: &[u8], end: bool) -> Way {
        let side = self.side;
        let half = self.half(worker);
        if !half.holding {
            half.buffer.clear();
        }
        half.buffer.extend(bytes);
        half.body_open = true;
        let length = half.buffer.len();
        if half.holding && side == Side::Response && length > around.limit {
            return self.too_large(worker, around);
        }
        half.ending = end;
        let action = self.call(worker, "body", &[size(length), u32::from(end)]);
        self.half(worker).ending = false;
        match action {
            Some(CONTINUE) => {
                let half = self.half(worker);
                half.passed.append(&mut half.buffer);
                half.body_open = false;
                half.holding = false;
                half.released = true;
            }
            Some(_) => {
                self.half(worker).holding = true;
                if length > around.limit {
                    return self.too_large(worker, around);
                }
            }
            None => {}
        }
        Way::GoesOn
    }

    fn tell_trailers(&mut self, worker: &mut Worker, trailers: Headers) -> Way {
        let half = self.half(worker);
        half.trailers = trailers;
        half.trailers_came = true;
        half.trailers_open = true;
        let count = size(half.trailers.len());
        if self.call(worker, "trailers", &[count]) == Some(CONTINUE) {
            self.half(worker).let_go();
        }
        Way::GoesOn
    }

    fn half_is_over(&mut self, worker: &mut Worker, around: &Around) -> Way {
        match self.side {
            Side::Request => {
                if self.request_is_over() {
                    return Way::GoesOn;
                }
                self.reached(worker);
                let mut answer = Response::new(503);
                if let Some(seen) = &mut self.exchange.upstream {
                    seen.whole = true;
                    let stream = worker.state().stream();
                    stream.details = Some("via_upstream".to_owned());
                    answer = (around.upstream)(seen);
                }
                self.respond(worker, around, answer)
            }
            Side::Response => {
                let details = std::mem::take(&mut self.details);
                let half = self.half(worker);
                let code = half.headers.iter().find(|(name, _)| name == ":status");
                let code = code.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
                let fields = half.headers.iter().filter(|(name, _)| !name.starts_with(':'));
                self.exchange.client = Some(Response {
                    headers: fields.cloned().collect(),
                    body: half.passed.clone(),
                    trailers: half.trailers.clone(),
                    details,
                    ..Response::new(code.and_then(|code| code.parse().ok()).unwrap_or_default())
                });
                Way::Over
            }
        }
    }

    /// A response begins its way back: the upstream's, or a local reply to the request.
    fn respond(&mut self, worker: &mut Worker, around: &Around, answer: Response) -> Way {
        self.side = Side::Response;
        let chunks = if self.head { Vec::new() } else { answer.chunks() };
        let trailers = (!self.head && !answer.trailers.is_empty()).then(|| answer.trailers.clone());
        self.request_left.clear();
        self.response_left = pieces(chunks, trailers, around);
        self.breaks_off = answer.breaks_off;
        if self.breaks_off {
            // Nothing says that it is the last.
            self.response_left.retain_mut(|piece| match piece {
                Piece::Headers { end } => {
                    *end = false;
                    true
                }
                Piece::Body { bytes, end } => {
                    *end = false;
                    !bytes.is_empty()
                }
                Piece::Trailers(_) => false,
            });
        }
        let half = self.half(worker);
        half.headers = with_status(&answer);
        half.came = true;
        Way::GoesOn
    }

    /// A reply in the upstream's place. To a request it goes through the module's response callbacks;
    /// in place of a response whose headers are held it does not; later it can only cut.
    pub(super) fn reply(&mut self, worker: &mut Worker, around: &Around, reply: Response) -> Way {
        // A live request may still be on its way when its response has begun.
        let begun = self.stream(worker).response.came;
        self.side = if begun { Side::Response } else { Side::Request };
        match self.side {
            Side::Request => {
                self.answered_here();
                self.reached(worker);
                self.details.clone_from(&reply.details);
                let around = Around { framing: Framing::EndWithLast, ..around.clone() };
                let pieces =
                    if reply.body.is_empty() { Vec::new() } else { vec![reply.body.len()] };
                self.respond(worker, &around, Response { pieces, ..reply })
            }
            Side::Response if !self.half(worker).released => {
                self.stream(worker).replaced = Some(with_status(&reply));
                let body = if self.head { Vec::new() } else { reply.body.clone() };
                self.exchange.client = Some(Response { body, ..reply });
                Way::Over
            }
            Side::Response => {
                self.exchange.cut = true;
                Way::Over
            }
        }
    }

    fn too_large(&mut self, worker: &mut Worker, around: &Around) -> Way {
        let (status, body, details) = match self.side {
            Side::Request => (413, "Payload Too Large", "request_payload_too_large"),
            Side::Response => (500, "Internal Server Error", "response_payload_too_large"),
        };
        self.stream(worker).details = Some(details.to_owned());
        self.reply(worker, around, announced(Response::new(status).body(body)))
    }
}
