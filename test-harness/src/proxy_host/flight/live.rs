//! A request whose pieces come as they come, and whose pieces are let out as the module lets them go.

use super::{Flight, Piece, Side, Way};
use crate::proxy_host::gateway::Around;
use crate::proxy_host::live::{Arrived, Half};
use crate::proxy_host::message::{Exchange, Headers, Response};
use crate::proxy_host::worker::Worker;

/// What goes out of a live exchange, in this order for each half.
#[derive(Debug)]
pub enum Out {
    /// To the upstream: the request's headers, pseudo headers among them.
    RequestHeaders(Headers),
    /// To the upstream: a piece of body.
    RequestBody(Vec<u8>),
    /// To the upstream: trailers.
    RequestTrailers(Headers),
    /// To the upstream: the request is whole.
    RequestEnd,
    /// To the client: headers, `:status` among them; whether the answer is not the upstream's.
    ResponseHeaders(Headers, bool),
    /// To the client: a piece of body.
    ResponseBody(Vec<u8>),
    /// To the client: trailers.
    ResponseTrailers(Headers),
    /// To the client: the answer is whole.
    ResponseEnd,
    /// The exchange is over. Where the answer's end was not told it breaks off, or never comes.
    Over(Box<Exchange>),
}

/// How far a live exchange is.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Whether nothing more of this half arrives.
    request_arrived: bool,
    response_arrived: bool,
    /// Whether the request was told to its end, or is not wanted any more.
    request_over: bool,
    /// Whether the answer is the gateway's own.
    local: bool,
    request_headers: bool,
    request_trailers: bool,
    request_end: bool,
    response_headers: bool,
    response_trailers: bool,
    response_end: bool,
}

impl Flight {
    /// Makes a request that begins with nothing but its headers a live one.
    pub(in crate::proxy_host) fn live(mut self, end: bool) -> Self {
        self.request_left.clear();
        self.request_left.push_back(Piece::Headers { end });
        self.sent = Some(Sent { request_arrived: end, ..Sent::default() });
        self
    }

    /// A piece has come.
    pub(in crate::proxy_host) fn arrives(&mut self, half: Half, arrived: Arrived) {
        let Some(sent) = &mut self.sent else { return };
        // The gateway's own answer is whole, and wants no more of the request.
        if self.over || (half == Half::Request && sent.request_over) || sent.local {
            return;
        }
        let (left, whole) = match half {
            Half::Request => (&mut self.request_left, &mut sent.request_arrived),
            Half::Response => (&mut self.response_left, &mut sent.response_arrived),
        };
        match arrived {
            Arrived::Body { bytes, end } => {
                *whole |= end;
                left.push_back(Piece::Body { bytes, end });
            }
            Arrived::Trailers(trailers) => {
                *whole = true;
                left.push_back(Piece::Trailers(trailers));
            }
            Arrived::Broken => {
                *whole = true;
                self.breaks_off = true;
            }
        }
    }

    /// The upstream's answer begins.
    pub(in crate::proxy_host) fn answered(
        &mut self,
        worker: &mut Worker,
        headers: Headers,
        end: bool,
    ) {
        let Some(sent) = &mut self.sent else { return };
        if self.over || sent.local {
            return;
        }
        sent.response_arrived = end;
        self.response_left.push_back(Piece::Headers { end });
        let stream = self.stream(worker);
        stream.response.headers = headers;
        stream.response.came = true;
    }

    /// Whether pieces of the half in hand are still to come.
    pub(super) fn has_more(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| match self.side {
            Side::Request => !sent.request_arrived,
            Side::Response => !sent.response_arrived,
        })
    }

    /// Notes that a live request is whole; false for a scripted one, whose answer is a script's.
    pub(super) const fn request_is_over(&mut self) -> bool {
        match &mut self.sent {
            Some(sent) => {
                sent.request_over = true;
                true
            }
            None => false,
        }
    }

    /// Notes that the answer is the gateway's own.
    pub(super) const fn answered_here(&mut self) {
        if let Some(sent) = &mut self.sent {
            sent.request_over = true;
            sent.response_arrived = true;
            sent.local = true;
        }
    }

    /// The gateway answers in the upstream's place.
    pub(in crate::proxy_host) fn answer_here(
        &mut self,
        worker: &mut Worker,
        around: &Around,
        answer: Response,
    ) {
        if !self.over && self.reply(worker, around, super::announced(answer)) == Way::Over {
            self.end(worker);
        }
    }

    /// Goes on as far as it can; what goes out is appended.
    pub(in crate::proxy_host) fn go_on_live(
        &mut self,
        worker: &mut Worker,
        around: &Around,
        out: &mut Vec<Out>,
    ) {
        loop {
            let mut moved = false;
            for side in [Side::Request, Side::Response] {
                if self.over || self.has_nothing_for(side, worker) {
                    continue;
                }
                self.side = side;
                let way = self.step(worker, around);
                self.let_out(worker, out);
                match way {
                    Way::GoesOn => moved = true,
                    Way::Waits => {}
                    Way::Over => self.end(worker),
                }
            }
            if self.over {
                return self.close(out);
            }
            if !moved {
                return;
            }
        }
    }

    fn has_nothing_for(&self, side: Side, worker: &mut Worker) -> bool {
        // Whoever finds the worker dead answers for it.
        if worker.dead {
            return false;
        }
        match side {
            Side::Request => self.sent.as_ref().is_none_or(|sent| sent.request_over),
            Side::Response => !self.stream(worker).response.came,
        }
    }

    /// What the module has let go of since the last time.
    fn let_out(&mut self, worker: &mut Worker, out: &mut Vec<Out>) {
        if worker.dead {
            return;
        }
        let Some(mut sent) = self.sent.take() else { return };
        let stream = self.stream(worker);
        let half = &mut stream.request;
        if half.released && !std::mem::replace(&mut sent.request_headers, half.released) {
            out.push(Out::RequestHeaders(half.headers.clone()));
        }
        if half.released && !half.passed.is_empty() {
            out.push(Out::RequestBody(std::mem::take(&mut half.passed)));
        }
        if half.trailers_released && !std::mem::replace(&mut sent.request_trailers, true) {
            out.push(Out::RequestTrailers(half.trailers.clone()));
        }
        let whole = sent.request_over && !sent.local;
        if whole && !std::mem::replace(&mut sent.request_end, true) {
            out.push(Out::RequestEnd);
        }
        let half = &mut stream.response;
        if half.released && !std::mem::replace(&mut sent.response_headers, true) {
            out.push(Out::ResponseHeaders(half.headers.clone(), sent.local));
        }
        if half.released && !half.passed.is_empty() {
            out.push(Out::ResponseBody(std::mem::take(&mut half.passed)));
        }
        if half.trailers_released && !std::mem::replace(&mut sent.response_trailers, true) {
            out.push(Out::ResponseTrailers(half.trailers.clone()));
        }
        self.sent = Some(sent);
    }

    /// The last things that go out.
    fn close(&mut self, out: &mut Vec<Out>) {
        let Some(sent) = &mut self.sent else { return };
        if std::mem::replace(&mut sent.response_end, true) {
            return;
        }
        let exchange = self.take_exchange();
        let sent_before = self.sent.as_ref().is_some_and(|sent| sent.response_headers);
        if let Some(client) = exchange.client.as_ref().filter(|_| !exchange.cut && !exchange.reset)
        {
            if !sent_before {
                out.push(Out::ResponseHeaders(super::with_status(client), true));
                if !client.body.is_empty() {
                    out.push(Out::ResponseBody(client.body.clone()));
                }
            }
            out.push(Out::ResponseEnd);
        }
        out.push(Out::Over(Box::new(exchange)));
    }
}
