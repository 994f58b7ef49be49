//! What one worker's instance knows: the store's data, reached by every import.

use super::callout::{Callout, CalloutAnswer};
use super::grpc::{Calls, GrpcAnswer, GrpcCall, GrpcTold};
use super::message::Headers;
use super::shared::SharedData;
use super::stream::Stream;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use wasmtime::{StoreLimits, StoreLimitsBuilder};

/// The root context, as Envoy numbers the first one.
pub(super) const ROOT: u32 = 1;
/// Lines of the log that are kept, and bytes of each.
const LINES_MOST: usize = 20_000;
const LINE_MOST: usize = 1 << 14;
/// The metadata of the gRPC call that is being told.
const GRPC_INITIAL: u32 = 4;
const GRPC_TRAILING: u32 = 5;
/// The headers and trailers of the callout that is being told.
const CALLOUT_HEADERS: u32 = 6;
const CALLOUT_TRAILERS: u32 = 7;

/// Answers a callout: what its cluster's script says.
pub(super) type Clusters = Arc<dyn Fn(&Callout) -> CalloutAnswer + Send + Sync>;

/// Where a worker's lines go as they are logged: the worker's number, level and line.
pub(super) type LogTo = Arc<dyn Fn(usize, u32, &str) + Send + Sync>;

/// Answers gRPC calls and messages.
pub(super) type GrpcScript = Arc<dyn Fn(&GrpcCall) -> GrpcAnswer + Send + Sync>;
/// A foreign function of the test's: arguments in, result or a status of the ABI out.
pub(super) type Foreign = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, i32> + Send + Sync>;

/// The proxy-wasm status codes that are used.
pub(super) mod status {
    pub(in super::super) const OK: i32 = 0;
    pub(in super::super) const NOT_FOUND: i32 = 1;
    pub(in super::super) const BAD_ARGUMENT: i32 = 2;
    pub(in super::super) const PARSE_FAILURE: i32 = 4;
    pub(in super::super) const INVALID_MEMORY: i32 = 6;
    pub(in super::super) const EMPTY: i32 = 7;
    pub(in super::super) const CAS_MISMATCH: i32 = 8;
    pub(in super::super) const INTERNAL: i32 = 10;
    pub(in super::super) const UNIMPLEMENTED: i32 = 12;
    pub(in super::super) const BROKEN_CONNECTION: u32 = 11;
}

/// A fault of an import: calls from `first` to `last` (0 is the first) are answered with this
/// status.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) import: String,
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) status: i32,
}

/// A callout that has not ended.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) token: u32,
    /// The context that asked; it may be gone when the answer comes.
    pub(super) asker: u32,
    pub(super) answer: CalloutAnswer,
}

/// An answer of a callout, while it is told.
#[derive(Debug, Default)]
pub(super) struct AnswerTold {
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Option<Headers>,
}

/// The data of one worker's store.
pub(super) struct HostState {
    /// The worker's number in its process.
    pub(super) number: usize,
    pub(super) vm_id: String,
    pub(super) plugin: String,
    pub(super) limits: StoreLimits,
    pub(super) configuration: Vec<u8>,
    /// Whether it is being handed over, which is the only time that it can be read.
    pub(super) configuring: bool,
    pub(super) environment: Vec<(String, String)>,
    /// While the module initialises, it may only log and use WASI.
    pub(super) starting: bool,
    pub(super) now: u64,
    pub(super) random: u64,
    /// Whether clock and randomness are the machine's, and nothing is kept for a test to look at.
    pub(super) real: bool,
    pub(super) log_to: Option<LogTo>,
    pub(super) tick: u32,
    pub(super) current: u32,
    pub(super) streams: BTreeMap<u32, Stream>,
    /// What the root context sets and asks for itself.
    root: Stream,
    pub(super) callouts: Vec<Pending>,
    pub(super) next_token: u32,
    /// Callouts of a real gateway, still to be sent.
    pub(super) asked: Vec<(u32, Callout)>,
    /// The callout whose answer is being told.
    pub(super) told: Option<AnswerTold>,
    pub(super) grpc: Calls,
    pub(super) grpc_told: GrpcTold,
    pub(super) grpc_script: GrpcScript,
    /// Code and text of the callout or call whose end is being told.
    pub(super) last_status: (u32, String),
    pub(super) foreign: BTreeMap<String, Foreign>,
    pub(super) vm_configuration: Vec<u8>,
    pub(super) log_level: u32,
    pub(super) shared: SharedData,
    pub(super) clusters: Clusters,
    pub(super) faults: Vec<Fault>,
    /// Callbacks that the host never makes.
    pub(super) hidden: Vec<String>,
    pub(super) calls: BTreeMap<String, u32>,
    pub(super) logs: Vec<(u32, String)>,
    pub(super) verify_signature: bool,
}

impl HostState {
    pub(super) fn new(number: usize, shared: SharedData, clusters: Clusters) -> Self {
        Self {
            number,
            vm_id: String::new(),
            plugin: String::new(),
            limits: StoreLimits::default(),
            configuration: Vec::new(),
            configuring: false,
            environment: Vec::new(),
            starting: true,
            now: 0,
            random: 0x5eed_u64.wrapping_add(number as u64),
            real: false,
            log_to: None,
            tick: 0,
            current: 0,
            streams: BTreeMap::new(),
            root: Stream::default(),
            callouts: Vec::new(),
            next_token: 1,
            asked: Vec::new(),
            told: None,
            grpc: Calls::default(),
            grpc_told: GrpcTold::default(),
            grpc_script: Arc::new(|_| GrpcAnswer::UnknownCluster),
            last_status: (0, String::new()),
            foreign: BTreeMap::new(),
            vm_configuration: Vec::new(),
            log_level: 2,
            shared,
            clusters,
            faults: Vec::new(),
            hidden: Vec::new(),
            calls: BTreeMap::new(),
            logs: Vec::new(),
            verify_signature: true,
        }
    }

    pub(super) fn limit_memory(&mut self, bytes: usize) {
        self.limits = StoreLimitsBuilder::new().memory_size(bytes).build();
    }

    /// The stream of the context in effect; the root's own where that is the root.
    pub(super) fn stream(&mut self) -> &mut Stream {
        self.streams.get_mut(&self.current).unwrap_or(&mut self.root)
    }

    /// Whether the context in effect is a stream's, and not the root's.
    pub(super) fn is_of_a_stream(&self) -> bool {
        self.streams.contains_key(&self.current)
    }

    /// The map with this number, where it can be read now.
    pub(super) fn readable_map(&mut self, number: u32) -> Option<&Headers> {
        match number {
            GRPC_INITIAL => self.grpc_told.initial.as_ref(),
            GRPC_TRAILING => self.grpc_told.trailing.as_ref(),
            CALLOUT_HEADERS => self.told.as_ref().map(|told| &told.headers),
            CALLOUT_TRAILERS => self.told.as_ref().and_then(|told| told.trailers.as_ref()),
            number => self.stream().map(number),
        }
    }

    /// Counts a call; the status to answer with where the test has broken this import.
    pub(super) fn enter(&mut self, import: &str) -> Option<i32> {
        let nth = match self.calls.get_mut(import) {
            Some(count) => {
                *count = count.saturating_add(1);
                count.saturating_sub(1)
            }
            None => {
                self.calls.insert(import.to_owned(), 1);
                0
            }
        };
        let broken =
            |fault: &&Fault| fault.import == import && (fault.first..=fault.last).contains(&nth);
        self.faults.iter().find(broken).map(|fault| fault.status)
    }

    /// Keeps a line of the log, cut where it is longer than any should be.
    pub(super) fn log(&mut self, level: u32, line: &str) {
        let line = line.get(..line.floor_char_boundary(LINE_MOST)).unwrap_or_default();
        if let Some(log_to) = &self.log_to {
            log_to(self.number, level, line);
        } else if self.logs.len() < LINES_MOST {
            self.logs.push((level, line.to_owned()));
        }
    }

    /// Nanoseconds since the epoch.
    pub(super) fn time(&self) -> u64 {
        let real = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        if self.real { u64::try_from(real()).unwrap_or(u64::MAX) } else { self.now }
    }

    /// Random bytes, as many as `bytes` is long; whether there were any to be had.
    pub(super) fn fill_random(&mut self, bytes: &mut [u8]) -> bool {
        if self.real {
            return getrandom::fill(bytes).is_ok();
        }
        bytes.fill_with(|| self.next_random());
        true
    }

    /// The next bytes of a seeded generator: the same run gives the same ids.
    fn next_random(&mut self) -> u8 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.to_le_bytes().first().copied().unwrap_or_default()
    }
}
