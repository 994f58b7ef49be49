//! gRPC calls that the module makes, and what becomes of them.

use super::message::Headers;
use std::collections::{BTreeMap, VecDeque};

/// A call, or a message on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcCall {
    /// What the module names the service by: a cluster, or the bytes of Envoy's `GrpcService`.
    pub target: Vec<u8>,
    /// Service, as in the path.
    pub service: String,
    /// Method.
    pub method: String,
    /// Initial metadata.
    pub metadata: Headers,
    /// What is sent; `None` when a stream begins.
    pub message: Option<Vec<u8>>,
    /// Whether the module sends no more on this stream.
    pub end: bool,
    /// When the module gives up a single call, in milliseconds.
    pub timeout: u32,
}

/// What a script answers.
#[derive(Clone, Debug, Default)]
pub enum GrpcAnswer {
    /// The call is not even made: no such cluster.
    #[default]
    UnknownCluster,
    /// Nothing, for now.
    Nothing,
    /// These, in this order.
    Answer(GrpcResponse),
}

/// Parts of an answer; what is left out is not told.
#[derive(Clone, Debug, Default)]
pub struct GrpcResponse {
    /// Initial metadata, on a stream only.
    pub initial: Option<Headers>,
    /// Messages. Of a single call the first is the answer.
    pub messages: Vec<Vec<u8>>,
    /// Trailing metadata, on a stream only.
    pub trailing: Option<Headers>,
    /// The end with its status (0 is good) and text. A single call that ends well is told by its
    /// message alone, as in Envoy.
    pub close: Option<(u32, String)>,
}

/// Something that is told of a call.
#[derive(Debug)]
pub(super) enum GrpcEvent {
    Initial(Headers),
    Message(Vec<u8>),
    Trailing(Headers),
    Close(u32, String),
}

/// A call or stream that has not ended.
#[derive(Debug)]
pub(super) struct Open {
    /// The context that asked; it is told to the root context all the same.
    pub(super) asker: u32,
    call: GrpcCall,
    waiting: VecDeque<GrpcEvent>,
    local_closed: bool,
}

/// What of a call can be read while it is told.
#[derive(Debug, Default)]
pub(super) struct GrpcTold {
    pub(super) initial: Option<Headers>,
    pub(super) trailing: Option<Headers>,
    pub(super) message: Vec<u8>,
}

/// All calls of a worker.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: BTreeMap<u32, Open>,
    next: u32,
}

/// The two low bits of a token say what it is of, as in Envoy.
const KIND: u32 = 3;
const CALL: u32 = 1;
const STREAM: u32 = 2;
const STEP: u32 = 4;

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is of no call, or of the wrong kind.
    Kind,
    /// The call is over, or never was.
    Unknown,
}

const fn is_stream(token: u32) -> bool {
    token & KIND == STREAM
}

impl Calls {
    /// A new call or stream, with what is answered at once.
    pub(super) fn open(&mut self, asker: u32, call: GrpcCall, answer: GrpcResponse) -> u32 {
        self.next = self.next.wrapping_add(STEP);
        let kind = if call.message.is_some() { CALL } else { STREAM };
        let token = self.next | kind;
        let mut open = Open { asker, call, waiting: VecDeque::new(), local_closed: false };
        open.hear(answer, kind == STREAM);
        self.open.insert(token, open);
        token
    }

    /// A new single call that is not answered yet.
    pub(super) fn open_silent(&mut self, asker: u32, call: GrpcCall) -> u32 {
        self.next = self.next.wrapping_add(STEP);
        let token = self.next | CALL;
        let open = Open { asker, call, waiting: VecDeque::new(), local_closed: false };
        self.open.insert(token, open);
        token
    }

    /// The call as a message on it would be, if it is a stream.
    pub(super) fn sending(
        &self,
        token: u32,
        message: Vec<u8>,
        end: bool,
    ) -> Result<GrpcCall, Refused> {
        if !is_stream(token) {
            return Err(Refused::Kind);
        }
        let open = self.open.get(&token).ok_or(Refused::Unknown)?;
        Ok(GrpcCall { message: Some(message), end, ..open.call.clone() })
    }

    /// What is answered to a message on a stream.
    pub(super) fn hear(&mut self, token: u32, answer: GrpcAnswer) {
        if let (Some(open), GrpcAnswer::Answer(answer)) = (self.open.get_mut(&token), answer) {
            open.hear(answer, true);
        }
    }

    /// Gives a call up: nothing more of it is told.
    pub(super) fn cancel(&mut self, token: u32) -> Result<(), Refused> {
        match token & KIND {
            CALL | STREAM => self.open.remove(&token).map(drop).ok_or(Refused::Unknown),
            _ => Err(Refused::Kind),
        }
    }

    /// Sends no more. A single call is given up.
    pub(super) fn close(&mut self, token: u32) -> Result<(), Refused> {
        if !is_stream(token) {
            return self.cancel(token);
        }
        self.open.get_mut(&token).map(|open| open.local_closed = true).ok_or(Refused::Unknown)
    }

    /// The next thing to be told of a call that `asker` made.
    pub(super) fn next(&mut self, asker: u32) -> Option<(u32, GrpcEvent)> {
        let mine = |(_, open): &(&u32, &mut Open)| open.asker == asker && !open.waiting.is_empty();
        let (token, open) = self.open.iter_mut().find(mine)?;
        let (token, event) = (*token, open.waiting.pop_front()?);
        let ends = match event {
            GrpcEvent::Close(..) => !is_stream(token) || open.local_closed,
            _ => !is_stream(token),
        };
        if ends {
            self.open.remove(&token);
        }
        Some((token, event))
    }
}

impl Open {
    fn hear(&mut self, answer: GrpcResponse, stream: bool) {
        let waiting = &mut self.waiting;
        if !stream {
            let failed = answer.close.filter(|(status, _)| *status != 0);
            let event = match (failed, answer.messages.into_iter().next()) {
                (Some((status, text)), _) => GrpcEvent::Close(status, text),
                (None, Some(message)) => GrpcEvent::Message(message),
                // 13: internal, for an answer without a message.
                (None, None) => GrpcEvent::Close(13, String::new()),
            };
            return waiting.push_back(event);
        }
        waiting.extend(answer.initial.map(GrpcEvent::Initial));
        waiting.extend(answer.messages.into_iter().map(GrpcEvent::Message));
        waiting.extend(answer.trailing.map(GrpcEvent::Trailing));
        waiting.extend(answer.close.map(|(status, text)| GrpcEvent::Close(status, text)));
    }
}
