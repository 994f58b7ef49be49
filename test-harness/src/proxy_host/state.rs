//! What one worker's instance knows: the store's data, reached by every import.

use super::message::{Callout, CalloutAnswer, Headers};
use super::shared::SharedData;
use super::stream::Stream;
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::{StoreLimits, StoreLimitsBuilder};

/// Answers a callout: what its cluster's script says.
pub(super) type Clusters = Arc<dyn Fn(&Callout) -> CalloutAnswer + Send + Sync>;

/// The proxy-wasm status codes that are used.
pub(super) mod status {
    pub(in super::super) const OK: i32 = 0;
    pub(in super::super) const NOT_FOUND: i32 = 1;
    pub(in super::super) const BAD_ARGUMENT: i32 = 2;
    pub(in super::super) const INVALID_MEMORY: i32 = 6;
    pub(in super::super) const CAS_MISMATCH: i32 = 8;
    pub(in super::super) const INTERNAL: i32 = 10;
    pub(in super::super) const UNIMPLEMENTED: i32 = 12;
}

/// A fault of an import: from its n-th call on (0 is the first), answer with this status.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) after: u32,
    pub(super) status: i32,
}

/// The data of one worker's store.
pub(super) struct HostState {
    pub(super) limits: StoreLimits,
    pub(super) configuration: Vec<u8>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) now: u64,
    pub(super) random: u64,
    pub(super) tick: u32,
    pub(super) current: u32,
    pub(super) streams: BTreeMap<u32, Stream>,
    /// Callouts of the root context, with the answer each will get.
    pub(super) root: Stream,
    pub(super) next_token: u32,
    /// The callout whose answer is being told.
    pub(super) told: Option<(Headers, Vec<u8>)>,
    pub(super) shared: SharedData,
    pub(super) clusters: Clusters,
    pub(super) faults: BTreeMap<String, Fault>,
    pub(super) calls: BTreeMap<String, u32>,
    pub(super) logs: Vec<(u32, String)>,
    pub(super) verify_signature: bool,
}

impl HostState {
    pub(super) fn new(shared: SharedData, clusters: Clusters, memory: usize) -> Self {
        Self {
            limits: StoreLimitsBuilder::new().memory_size(memory).build(),
            configuration: Vec::new(),
            environment: Vec::new(),
            now: 0,
            random: 0x5eed,
            tick: 0,
            current: 0,
            streams: BTreeMap::new(),
            root: Stream::default(),
            next_token: 1,
            told: None,
            shared,
            clusters,
            faults: BTreeMap::new(),
            calls: BTreeMap::new(),
            logs: Vec::new(),
            verify_signature: true,
        }
    }

    /// The stream of the context in effect; the root's own where that is the root.
    pub(super) fn stream(&mut self) -> &mut Stream {
        self.streams.get_mut(&self.current).unwrap_or(&mut self.root)
    }

    /// Counts a call; the status to answer with where the test has broken this import.
    pub(super) fn enter(&mut self, import: &str) -> Option<i32> {
        let count = self.calls.entry(import.to_owned()).or_default();
        let nth = *count;
        *count = count.saturating_add(1);
        let fault = self.faults.get(import)?;
        (nth >= fault.after).then_some(fault.status)
    }

    /// The next bytes of a seeded generator: the same run gives the same ids.
    pub(super) fn next_random(&mut self) -> u8 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.to_le_bytes().first().copied().unwrap_or_default()
    }
}
