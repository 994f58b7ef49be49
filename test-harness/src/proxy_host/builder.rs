//! How a gateway is set up.

use super::callout::{Callout, CalloutAnswer};
use super::gateway::{Around, Gateway, Start, Upstream};
use super::grpc::{GrpcAnswer, GrpcCall};
use super::live::Live;
use super::message::{Response, Seen};
use super::shared::{CasDialect, SharedData};
use super::state::{Clusters, Fault, Foreign, GrpcScript, HostState, LogTo};
use super::worker::{HostError, Module, Worker};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The default of Envoy's `per_connection_buffer_limit_bytes`.
const BUFFER_LIMIT: usize = 1 << 20;
/// Memory one instance may have.
const MEMORY_LIMIT: usize = 256 << 20;
/// Instructions one callback may take (fuel); far above what any needs.
const FUEL: u64 = 20_000_000_000;

/// The level that a module is told is in force.
const INFO: u32 = 2;

/// How the last piece of a body is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// The end comes by itself, with nothing in it: HTTP/1.1.
    #[default]
    EndAlone,
    /// The last piece says that it is the last: HTTP/2, as a rule.
    EndWithLast,
}

/// How a gateway is set up: one worker, Envoy's dialects, an upstream that answers 200, unless said
/// otherwise.
pub struct Builder {
    module: Module,
    configuration: Vec<u8>,
    settings: Settings,
    upstream: Upstream,
    dialect: CasDialect,
    shared: Option<SharedData>,
    framing: Framing,
    buffer_limit: usize,
    holds_headers: bool,
    workers: usize,
}

/// What every worker's state is made from.
#[derive(Clone)]
struct Settings {
    clusters: Clusters,
    environment: Vec<(String, String)>,
    faults: Vec<Fault>,
    hidden: Vec<String>,
    fuel: u64,
    memory: usize,
    now: u64,
    verify_signature: bool,
    vm_id: String,
    plugin: String,
    log_to: Option<LogTo>,
    grpc: GrpcScript,
    foreign: BTreeMap<String, Foreign>,
    vm_configuration: Vec<u8>,
    log_level: u32,
}

impl Settings {
    fn state(&self, number: usize, shared: &SharedData) -> HostState {
        let mut state = HostState::new(number, shared.clone(), Arc::clone(&self.clusters));
        state.environment.clone_from(&self.environment);
        state.faults.clone_from(&self.faults);
        state.hidden.clone_from(&self.hidden);
        state.limit_memory(self.memory);
        state.now = self.now;
        state.verify_signature = self.verify_signature;
        state.log_to.clone_from(&self.log_to);
        state.grpc_script = Arc::clone(&self.grpc);
        state.foreign.clone_from(&self.foreign);
        state.vm_configuration.clone_from(&self.vm_configuration);
        state.log_level = self.log_level;
        state.vm_id.clone_from(&self.vm_id);
        state.plugin.clone_from(&self.plugin);
        state
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn new(module: &Module) -> Self {
        Self {
            module: module.clone(),
            configuration: Vec::new(),
            settings: Settings {
                clusters: Arc::new(|_| CalloutAnswer::UnknownCluster),
                environment: Vec::new(),
                faults: Vec::new(),
                hidden: Vec::new(),
                fuel: FUEL,
                memory: MEMORY_LIMIT,
                now: 0,
                verify_signature: true,
                vm_id: "ambit".to_owned(),
                plugin: "ambit".to_owned(),
                log_to: None,
                grpc: Arc::new(|_| GrpcAnswer::UnknownCluster),
                foreign: BTreeMap::new(),
                vm_configuration: Vec::new(),
                log_level: INFO,
            },
            upstream: Arc::new(|_| Response::new(200)),
            dialect: CasDialect::default(),
            shared: None,
            framing: Framing::default(),
            buffer_limit: BUFFER_LIMIT,
            holds_headers: true,
            workers: 1,
        }
    }

    /// The plugin configuration, as a `StringValue` or the bytes of a `Struct` reach the module.
    #[must_use]
    pub fn configuration(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.configuration = bytes.as_ref().to_vec();
        self
    }

    /// One variable of the module's environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.settings.environment.push((name.to_owned(), value.to_owned()));
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
        self.settings.now = seconds.saturating_mul(1_000_000_000);
        self
    }

    /// How callouts end. Without it every cluster is unknown.
    #[must_use]
    pub fn clusters(
        mut self,
        script: impl Fn(&Callout) -> CalloutAnswer + Send + Sync + 'static,
    ) -> Self {
        self.settings.clusters = Arc::new(script);
        self
    }

    /// What gRPC calls and messages on gRPC streams are answered. Without it every cluster is unknown.
    #[must_use]
    pub fn grpc(
        mut self,
        script: impl Fn(&GrpcCall) -> GrpcAnswer + Send + Sync + 'static,
    ) -> Self {
        self.settings.grpc = Arc::new(script);
        self
    }

    /// A foreign function of this name: it is given the arguments, and gives a result or a status of
    /// the ABI. It goes before one that the host has.
    #[must_use]
    pub fn foreign_function(
        mut self,
        name: &str,
        function: impl Fn(&[u8]) -> Result<Vec<u8>, i32> + Send + Sync + 'static,
    ) -> Self {
        self.settings.foreign.insert(name.to_owned(), Arc::new(function));
        self
    }

    /// The configuration of the virtual machine, beside the plugin's.
    #[must_use]
    pub fn vm_configuration(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.settings.vm_configuration = bytes.as_ref().to_vec();
        self
    }

    /// The level of the log that a module is told is in force: 0 trace to 5 critical.
    #[must_use]
    pub const fn log_level(mut self, level: u32) -> Self {
        self.settings.log_level = level;
        self
    }

    /// What the upstream answers.
    #[must_use]
    pub fn upstream(mut self, script: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        self.upstream = Arc::new(script);
        self
    }

    /// An import that answers with `status` from its `after`-th call on (0 is the first). Imports of
    /// WASI answer with one of its error numbers.
    #[must_use]
    pub fn fault(self, import: &str, after: u32, status: i32) -> Self {
        self.faults(import, after, u32::MAX, status)
    }

    /// An import that answers with `status` at its `nth` call only (0 is the first).
    #[must_use]
    pub fn fault_once(self, import: &str, nth: u32, status: i32) -> Self {
        self.faults(import, nth, nth, status)
    }

    /// A callback that the host never makes, as where its capability list leaves it out.
    #[must_use]
    pub fn without_callback(mut self, name: &str) -> Self {
        self.settings.hidden.push(name.to_owned());
        self
    }

    fn faults(mut self, import: &str, first: u32, last: u32, status: i32) -> Self {
        self.settings.faults.push(Fault { import: import.to_owned(), first, last, status });
        self
    }

    /// What may be held of a body, in bytes.
    #[must_use]
    pub const fn buffer_limit(mut self, bytes: usize) -> Self {
        self.buffer_limit = bytes;
        self
    }

    /// The memory one instance may have, in bytes.
    #[must_use]
    pub const fn memory_limit(mut self, bytes: usize) -> Self {
        self.settings.memory = bytes;
        self
    }

    /// The instructions one callback may take, as wasmtime counts them.
    #[must_use]
    pub const fn fuel(mut self, fuel: u64) -> Self {
        self.settings.fuel = fuel;
        self
    }

    /// `allow_on_headers_stop_iteration`: whether a body arrives while headers are held.
    #[must_use]
    pub const fn holds_headers(mut self, holds: bool) -> Self {
        self.holds_headers = holds;
        self
    }

    /// How the end of a body is told.
    #[must_use]
    pub const fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Without Envoy's foreign function, as other hosts are.
    #[must_use]
    pub const fn without_verify_signature(mut self) -> Self {
        self.settings.verify_signature = false;
        self
    }

    /// What compare-and-swap values mean.
    #[must_use]
    pub const fn cas(mut self, dialect: CasDialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Together with what other gateways of the same process share: another version of the module,
    /// or the workers of before a reload.
    #[must_use]
    pub fn shared_with(mut self, other: &Gateway) -> Self {
        self.shared = Some(other.shared().clone());
        self
    }

    /// The plugin's name, and its root's, which a module may ask for.
    #[must_use]
    pub fn plugin(mut self, name: &str) -> Self {
        name.clone_into(&mut self.settings.plugin);
        self
    }

    /// The name under which plugins of a process share.
    #[must_use]
    pub fn vm_id(mut self, name: &str) -> Self {
        name.clone_into(&mut self.settings.vm_id);
        self
    }

    /// Where lines of the log go as they come (worker, level, line), in place of being kept.
    #[must_use]
    pub fn log_to(mut self, to: impl Fn(usize, u32, &str) + Send + Sync + 'static) -> Self {
        self.settings.log_to = Some(Arc::new(to));
        self
    }

    /// Starts the workers and hands them the configuration.
    ///
    /// # Errors
    /// The module traps, imports what is unknown, is of another ABI, or refuses the configuration; the
    /// log is in the message.
    pub fn build(self) -> Result<Gateway, HostError> {
        let (workers, start, shared, around) = self.started(false)?;
        Ok(Gateway::new(workers, start, shared, around))
    }

    /// Starts workers for a real gateway: clock and randomness are the machine's, callouts go to the
    /// clusters of these names (anything else is unknown), and upstream, clusters and clock of this
    /// builder mean nothing.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn build_live(
        mut self,
        clusters: Vec<String>,
    ) -> Result<(Vec<Live>, SharedData), HostError> {
        self.settings.clusters =
            Arc::new(move |callout| match clusters.contains(&callout.cluster) {
                true => CalloutAnswer::ByHand,
                false => CalloutAnswer::UnknownCluster,
            });
        let (workers, start, shared, around) = self.started(true)?;
        let live = |(number, worker)| Live::new(number, worker, Arc::clone(&start), around.clone());
        Ok((workers.into_iter().enumerate().map(live).collect(), shared))
    }

    fn started(self, real: bool) -> Result<(Vec<Worker>, Start, SharedData, Around), HostError> {
        let shared = self.shared.unwrap_or_else(|| SharedData::new(self.dialect));
        let mut workers = Vec::with_capacity(self.workers);
        let (module, settings, data) = (self.module, self.settings, shared.clone());
        let start: Start = Arc::new(move |number| {
            let mut state = settings.state(number, &data);
            state.real = real;
            Worker::new(&module, state, settings.fuel)
        });
        for number in 0..self.workers {
            let mut worker = start(number)?;
            if !worker.configure(&self.configuration) {
                let lines: Vec<String> =
                    worker.state().logs.iter().map(|(_, line)| line.clone()).collect();
                return Err(HostError(match lines.is_empty() {
                    true => "the module refuses the configuration".to_owned(),
                    false => lines.join("\n"),
                }));
            }
            workers.push(worker);
        }
        let (limit, holds, framing) = (self.buffer_limit, self.holds_headers, self.framing);
        let around = Around { upstream: self.upstream, limit, holds, framing };
        Ok((workers, start, shared, around))
    }
}
