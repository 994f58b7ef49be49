//! The black box: requests in, exchanges out.

use super::message::{Callout, CalloutAnswer, Exchange, Request, Response, Seen};
use super::shared::{CasDialect, SharedData};
use super::state::{Clusters, Fault, HostState};
use super::stream::{Phase, Stream};
use super::worker::{HostError, Module, Worker};
use std::fmt;
use std::sync::Arc;

/// The default of Envoy's `per_connection_buffer_limit_bytes`.
const BUFFER_LIMIT: usize = 1 << 20;
/// Memory one instance may have.
const MEMORY_LIMIT: usize = 256 << 20;
/// `Action::Continue` of the ABI.
const CONTINUE: u32 = 0;

type Upstream = Arc<dyn Fn(&Seen) -> Response + Send + Sync>;

/// How a gateway is set up.
pub struct Builder {
    module: Module,
    configuration: Vec<u8>,
    environment: Vec<(String, String)>,
    workers: usize,
    now: u64,
    clusters: Clusters,
    upstream: Upstream,
    faults: Vec<(String, Fault)>,
    buffer_limit: usize,
    memory_limit: usize,
    holds_headers: bool,
    verify_signature: bool,
    dialect: CasDialect,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}

impl Builder {
    /// The plugin configuration, as a `StringValue` or the bytes of a `Struct` reach the module.
    #[must_use]
    pub fn configuration(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.configuration = bytes.as_ref().to_vec();
        self
    }

    /// One variable of the module's environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How many workers share the process.
    #[must_use]
    pub const fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// The clock, in seconds since the epoch.
    #[must_use]
    pub const fn now(mut self, seconds: u64) -> Self {
        self.now = seconds.saturating_mul(1_000_000_000);
        self
    }

    /// How callouts end.
    #[must_use]
    pub fn clusters(
        mut self,
        script: impl Fn(&Callout) -> CalloutAnswer + Send + Sync + 'static,
    ) -> Self {
        self.clusters = Arc::new(script);
        self
    }

    /// What the upstream answers.
    #[must_use]
    pub fn upstream(mut self, script: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        self.upstream = Arc::new(script);
        self
    }

    /// An import that answers with `status` from its `after`-th call on (0 is the first).
    #[must_use]
    pub fn fault(mut self, import: &str, after: u32, status: i32) -> Self {
        self.faults.push((import.to_owned(), Fault { after, status }));
        self
    }

    /// The buffer limit, in bytes.
    #[must_use]
    pub const fn buffer_limit(mut self, bytes: usize) -> Self {
        self.buffer_limit = bytes;
        self
    }

    /// The memory one instance may have, in bytes.
    #[must_use]
    pub const fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// `allow_on_headers_stop_iteration`: whether a body arrives while headers are held.
    #[must_use]
    pub const fn holds_headers(mut self, holds: bool) -> Self {
        self.holds_headers = holds;
        self
    }

    /// Without Envoy's foreign function, as other hosts are.
    #[must_use]
    pub const fn without_verify_signature(mut self) -> Self {
        self.verify_signature = false;
        self
    }

    /// What compare-and-swap values mean.
    #[must_use]
    pub const fn cas(mut self, dialect: CasDialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Starts the workers and hands them the configuration.
    ///
    /// # Errors
    /// The module traps, imports what is unknown, or refuses the configuration; the log is in the
    /// message.
    pub fn build(self) -> Result<Gateway, HostError> {
        let shared = SharedData::new(self.dialect);
        let mut workers = Vec::with_capacity(self.workers);
        for number in 0..self.workers {
            let mut state =
                HostState::new(shared.clone(), Arc::clone(&self.clusters), self.memory_limit);
            state.environment.clone_from(&self.environment);
            state.now = self.now;
            state.random = state.random.wrapping_add(number as u64);
            state.verify_signature = self.verify_signature;
            state.faults = self.faults.iter().cloned().collect();
            let mut worker = Worker::new(&self.module, state)?;
            if !worker.configure(&self.configuration) {
                let lines: Vec<String> =
                    worker.state().logs.iter().map(|(_, line)| line.clone()).collect();
                return Err(HostError(lines.join("\n")));
            }
            workers.push(worker);
        }
        Ok(Gateway {
            workers,
            shared,
            upstream: self.upstream,
            buffer_limit: self.buffer_limit,
            holds_headers: self.holds_headers,
            turn: 0,
        })
    }
}

/// A process of workers that share data, in front of an upstream.
pub struct Gateway {
    workers: Vec<Worker>,
    shared: SharedData,
    upstream: Upstream,
    buffer_limit: usize,
    holds_headers: bool,
    turn: usize,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway that runs `module`: one worker, Envoy's dialects, an upstream that answers 200.
    #[must_use]
    pub fn builder(module: &Module) -> Builder {
        Builder {
            module: module.clone(),
            configuration: Vec::new(),
            environment: Vec::new(),
            workers: 1,
            now: 0,
            clusters: Arc::new(|_| CalloutAnswer::UnknownCluster),
            upstream: Arc::new(|_| Response::new(200)),
            faults: Vec::new(),
            buffer_limit: BUFFER_LIMIT,
            memory_limit: MEMORY_LIMIT,
            holds_headers: true,
            verify_signature: true,
            dialect: CasDialect::default(),
        }
    }

    /// Sends one request to the next worker in turn.
    pub fn send(&mut self, request: Request) -> Exchange {
        self.turn = self.turn.wrapping_add(1);
        let worker = self.turn.checked_rem(self.workers.len()).unwrap_or_default();
        self.send_to(worker, request)
    }

    /// Sends one request to one worker.
    pub fn send_to(&mut self, worker: usize, request: Request) -> Exchange {
        let upstream = Arc::clone(&self.upstream);
        let (limit, holds) = (self.buffer_limit, self.holds_headers);
        match self.workers.get_mut(worker) {
            Some(worker) if !worker.dead => {
                Flow { worker, limit, holds, context: 0 }.run(request, &upstream)
            }
            // FAIL_CLOSED: a worker whose module trapped answers for good.
            _ => {
                Exchange { client: Some(Response::new(503)), trapped: true, ..Exchange::default() }
            }
        }
    }

    /// Moves the clock and ticks every worker that asked for ticks once.
    pub fn advance(&mut self, seconds: u64) {
        for worker in &mut self.workers {
            let state = worker.state();
            state.now = state.now.saturating_add(seconds.saturating_mul(1_000_000_000));
            if state.tick > 0 {
                worker.tick();
            }
        }
    }

    /// Hands every worker a new configuration; whether all took it.
    pub fn reconfigure(&mut self, configuration: impl AsRef<[u8]>) -> bool {
        let bytes = configuration.as_ref();
        let taken: Vec<bool> =
            self.workers.iter_mut().map(|worker| worker.configure(bytes)).collect();
        taken.into_iter().all(|taken| taken)
    }

    /// What the workers logged: level and line.
    pub fn logs(&mut self) -> Vec<(u32, String)> {
        self.workers.iter_mut().flat_map(|worker| worker.state().logs.clone()).collect()
    }

    /// All metrics.
    #[must_use]
    pub fn metrics(&self) -> Vec<(String, i64)> {
        self.shared.metrics()
    }

    /// How often an import was called, by all workers.
    pub fn calls(&mut self, import: &str) -> u32 {
        let count = |worker: &mut Worker| worker.state().calls.get(import).copied().unwrap_or(0);
        self.workers.iter_mut().map(count).sum()
    }
}

/// One request on its way.
struct Flow<'a> {
    worker: &'a mut Worker,
    limit: usize,
    holds: bool,
    context: u32,
}

/// What the request's way came to.
enum Way {
    Forward,
    Reply(Response),
    Hanging,
    Trapped,
}

impl Flow<'_> {
    fn run(mut self, request: Request, upstream: &Upstream) -> Exchange {
        self.context = self.worker.create_context();
        let stream = Stream {
            request_headers: request.headers.clone(),
            properties: request.properties.clone(),
            ..Stream::default()
        };
        self.worker.state().streams.insert(self.context, stream);
        let mut exchange = Exchange::default();
        let way = match self.worker.call("proxy_on_context_create", &[self.context, 1]) {
            Ok(_) => self.request(&request),
            Err(_) => Way::Trapped,
        };
        exchange.client = match way {
            Way::Forward => {
                let stream = self.stream();
                let seen = Seen {
                    headers: stream.request_headers.clone(),
                    body: stream.request_body.clone(),
                    trailers: stream.request_trailers.clone(),
                };
                let answer = upstream(&seen);
                exchange.upstream = Some(seen);
                self.respond(answer)
            }
            Way::Reply(reply) => Some(self.replied(reply)),
            Way::Hanging => None,
            Way::Trapped => {
                exchange.trapped = true;
                Some(Response::new(503))
            }
        };
        self.end(&mut exchange);
        exchange
    }

    fn stream(&mut self) -> &mut Stream {
        self.worker.state().current = self.context;
        self.worker.state().stream()
    }

    fn call(&mut self, export: &str, arguments: &[u32]) -> Result<u32, Way> {
        let mut all = vec![self.context];
        all.extend(arguments);
        self.worker.call(export, &all).map(Option::unwrap_or_default).map_err(|_| Way::Trapped)
    }

    fn request(&mut self, request: &Request) -> Way {
        match self.request_phase(request) {
            Ok(way) | Err(way) => way,
        }
    }

    fn request_phase(&mut self, request: &Request) -> Result<Way, Way> {
        let count = size(request.headers.len());
        let ends = request.chunks.is_empty() && request.trailers.is_none();
        let action = self.call("proxy_on_request_headers", &[count, u32::from(ends)])?;
        let mut released = action == CONTINUE;
        self.interrupted()?;
        let mut chunks = request.chunks.iter().peekable();
        let mut trailers = request.trailers.clone();
        loop {
            released |= std::mem::take(&mut self.stream().resumed);
            let waiting = !self.stream().callouts.is_empty();
            let body_left = chunks.peek().is_some() || trailers.is_some();
            if released && !body_left {
                return Ok(Way::Forward);
            }
            if waiting && !released && (request.callouts_first || !body_left || !self.holds) {
                if !self.worker.answer_callouts(self.context) {
                    return Ok(Way::Hanging);
                }
                if self.worker.dead {
                    return Err(Way::Trapped);
                }
                self.interrupted()?;
            } else if body_left && (released || self.holds) {
                match chunks.next() {
                    Some(chunk) => {
                        let last = chunks.peek().is_none() && trailers.is_none();
                        self.stream().request_body.extend(chunk);
                        let length = self.stream().request_body.len();
                        if !released && length > self.limit {
                            return Ok(Way::Reply(Response::new(413)));
                        }
                        let action =
                            self.call("proxy_on_request_body", &[size(length), u32::from(last)])?;
                        released |= action == CONTINUE;
                    }
                    None => {
                        let given = trailers.take().unwrap_or_default();
                        let count = size(given.len());
                        self.stream().request_trailers = given;
                        let action = self.call("proxy_on_request_trailers", &[count])?;
                        released |= action == CONTINUE;
                    }
                }
                self.interrupted()?;
            } else {
                return Ok(Way::Hanging);
            }
        }
    }

    /// A local reply or a closed stream ends the way at once.
    fn interrupted(&mut self) -> Result<(), Way> {
        let stream = self.stream();
        if let Some(reply) = stream.reply.take() {
            return Err(Way::Reply(reply));
        }
        if stream.closed {
            return Err(Way::Hanging);
        }
        Ok(())
    }

    /// A reply in the request phase comes back through the module's own response callbacks.
    fn replied(&mut self, reply: Response) -> Response {
        let status = (":status".to_owned(), reply.status.to_string().into_bytes());
        let stream = self.stream();
        stream.phase = Phase::Response;
        stream.response_headers = std::iter::once(status).chain(reply.headers.clone()).collect();
        stream.response_body.clone_from(&reply.body);
        let (count, length) = (size(stream.response_headers.len()), size(reply.body.len()));
        let ends = u32::from(reply.body.is_empty());
        // A module that traps here has answered already; the worker is dead for the next request.
        let held = self.call("proxy_on_response_headers", &[count, ends]);
        if held.is_ok() && length > 0 {
            let _ = self.call("proxy_on_response_body", &[length, 1]);
        }
        reply
    }

    fn respond(&mut self, answer: Response) -> Option<Response> {
        match self.response_phase(&answer) {
            Ok(client) => client,
            Err(Way::Reply(reply)) => Some(reply),
            Err(Way::Trapped) => Some(Response::new(503)),
            Err(Way::Hanging | Way::Forward) => None,
        }
    }

    fn response_phase(&mut self, answer: &Response) -> Result<Option<Response>, Way> {
        let status = (":status".to_owned(), answer.status.to_string().into_bytes());
        let stream = self.stream();
        stream.phase = Phase::Response;
        stream.response_headers = std::iter::once(status).chain(answer.headers.clone()).collect();
        let count = size(stream.response_headers.len());
        let empty = answer.body.is_empty();
        let action = self.call("proxy_on_response_headers", &[count, u32::from(empty)])?;
        self.interrupted()?;
        let mut released = action == CONTINUE || std::mem::take(&mut self.stream().resumed);
        if !empty {
            // In two pieces, so that nobody takes the first for the whole.
            let (first, second) = answer.body.split_at(answer.body.len() / 2);
            for (piece, last) in [(first, false), (second, true)] {
                self.stream().response_body.extend(piece);
                let length = self.stream().response_body.len();
                if !released && length > self.limit {
                    return Ok(Some(Response::new(500)));
                }
                let action =
                    self.call("proxy_on_response_body", &[size(length), u32::from(last)])?;
                self.interrupted()?;
                released |= action == CONTINUE || std::mem::take(&mut self.stream().resumed);
            }
        }
        if !released {
            return Ok(None);
        }
        let stream = self.stream();
        let headers = stream.response_headers.clone();
        let code = headers.iter().find(|(name, _)| name == ":status");
        let status = code.and_then(|(_, value)| String::from_utf8_lossy(value).parse().ok());
        Ok(Some(Response {
            status: status.unwrap_or(answer.status),
            headers: headers.into_iter().filter(|(name, _)| !name.starts_with(':')).collect(),
            body: stream.response_body.clone(),
            details: String::new(),
        }))
    }

    /// Done, log, delete: in this order, as Envoy calls them.
    fn end(&mut self, exchange: &mut Exchange) {
        let code = i64::from(exchange.status()).to_le_bytes().to_vec();
        let stream = self.stream();
        stream.properties.push(("response.code".to_owned(), code));
        stream.logging = true;
        stream.phase = Phase::Done;
        for export in ["proxy_on_done", "proxy_on_log"] {
            if self.call(export, &[]).is_err() {
                exchange.trapped = true;
            }
        }
        let stream = self.stream();
        exchange.filter_state = std::mem::take(&mut stream.filter_state);
        exchange.callouts = std::mem::take(&mut stream.made);
        if self.call("proxy_on_delete", &[]).is_err() {
            exchange.trapped = true;
        }
        let context = self.context;
        self.worker.state().streams.remove(&context);
    }
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
