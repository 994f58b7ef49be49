//! One worker: one instance of the module, with Envoy's lifecycle around it.

use super::callout::CalloutAnswer;
use super::grpc::{GrpcEvent, GrpcTold};
use super::imports;
use super::memory::size;
use super::state::{AnswerTold, HostState, Pending, ROOT, status};
use std::fmt;
use wasmtime::{Config, Engine, Instance, Linker, Store, Val};

/// What a module must export to be of the ABI that this host has.
const ABI: &str = "proxy_abi_version_0_2_1";

/// A compiled module, for any number of gateways.
#[derive(Clone)]
pub struct Module {
    engine: Engine,
    module: wasmtime::Module,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").finish_non_exhaustive()
    }
}

/// Why the host could not do something.
#[derive(Debug)]
pub struct HostError(pub String);

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HostError {}

impl From<wasmtime::Error> for HostError {
    fn from(error: wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

impl Module {
    /// Compiles the bytes of a module.
    ///
    /// # Errors
    /// They are no WebAssembly module.
    pub fn compile(bytes: &[u8]) -> Result<Self, HostError> {
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config)?;
        let module = wasmtime::Module::new(&engine, bytes)?;
        Ok(Self { engine, module })
    }

    /// The names of the functions that it imports, the ABI's and WASI's.
    #[must_use]
    pub fn imports(&self) -> Vec<String> {
        self.module.imports().map(|import| import.name().to_owned()).collect()
    }

    /// The names of the callbacks that it exports.
    #[must_use]
    pub fn callbacks(&self) -> Vec<String> {
        let names = self.module.exports().map(|export| export.name().to_owned());
        names.filter(|name| name.starts_with("proxy_on_")).collect()
    }
}

/// One instance.
pub(super) struct Worker {
    store: Store<HostState>,
    instance: Instance,
    pub(super) fuel: u64,
    /// The most that one callback took.
    pub(super) fuel_most: u64,
    /// What all callbacks took together.
    pub(super) fuel_sum: u64,
    /// A trapped instance is never called again: every later request is answered 503.
    pub(super) dead: bool,
    next_context: u32,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("dead", &self.dead).finish_non_exhaustive()
    }
}

impl Worker {
    /// Instantiates and starts the module, up to its root context.
    pub(super) fn new(module: &Module, state: HostState, fuel: u64) -> Result<Self, HostError> {
        let mut linker = Linker::new(&module.engine);
        imports::define(&mut linker)?;
        let mut store = Store::new(&module.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_fuel(fuel)?;
        let instance = linker.instantiate(&mut store, &module.module)?;
        let mut worker = Self {
            store,
            instance,
            fuel,
            fuel_most: 0,
            fuel_sum: 0,
            dead: false,
            next_context: ROOT,
        };
        if !worker.has(ABI) {
            return Err(HostError(format!("the module does not export `{ABI}`")));
        }
        for start in ["_initialize", "_start"] {
            if worker.has(start) {
                worker.call(start, &[])?;
            }
        }
        worker.state().starting = false;
        worker.call("proxy_on_context_create", &[ROOT, 0])?;
        let configured = size(worker.state().vm_configuration.len());
        match worker.call("proxy_on_vm_start", &[ROOT, configured])? {
            Some(0) => Err(HostError("the module refuses to start".to_owned())),
            _ => Ok(worker),
        }
    }

    pub(super) fn state(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    /// Hands the configuration over; whether the module took it. One that does not ask takes any.
    pub(super) fn configure(&mut self, configuration: &[u8]) -> bool {
        self.state().configuration = configuration.to_vec();
        self.state().configuring = true;
        let size = size(configuration.len());
        let taken =
            self.call("proxy_on_configure", &[ROOT, size]).is_ok_and(|taken| taken != Some(0));
        self.state().configuring = false;
        while self.answer_scripted(ROOT) {}
        taken && !self.dead
    }

    /// How large the instance's memory is, in bytes.
    pub(super) fn memory(&mut self) -> usize {
        let memory = self.instance.get_memory(&mut self.store, "memory");
        memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// A new stream's context.
    pub(super) const fn next_context(&mut self) -> u32 {
        self.next_context = self.next_context.saturating_add(1);
        self.next_context
    }

    fn has(&mut self, export: &str) -> bool {
        self.instance.get_func(&mut self.store, export).is_some()
    }

    /// Calls an export in the context that is its first argument; a callback the module does not have
    /// is skipped, as Envoy does. A trap, exhausted fuel or memory leaves the worker dead.
    pub(super) fn call(
        &mut self,
        export: &str,
        arguments: &[u32],
    ) -> Result<Option<u32>, HostError> {
        if self.dead {
            return Err(HostError("the worker is dead".to_owned()));
        }
        if self.state().hidden.iter().any(|hidden| hidden == export) {
            return Ok(None);
        }
        let Some(function) = self.instance.get_func(&mut self.store, export) else {
            return Ok(None);
        };
        self.state().current = arguments.first().copied().unwrap_or_default();
        self.store.set_fuel(self.fuel)?;
        let arguments: Vec<Val> =
            arguments.iter().map(|argument| Val::I32(argument.cast_signed())).collect();
        let results = function.ty(&self.store).results().len();
        let mut answers = vec![Val::I32(0); results];
        let called = function.call(&mut self.store, &arguments, &mut answers);
        let took = self.fuel.saturating_sub(self.store.get_fuel().unwrap_or_default());
        self.fuel_most = self.fuel_most.max(took);
        self.fuel_sum = self.fuel_sum.saturating_add(took);
        match called {
            Ok(()) => Ok(answers.first().and_then(Val::i32).map(i32::cast_unsigned)),
            Err(error) => {
                self.dead = true;
                let message = format!("trap in {export}: {error:#}");
                self.state().log(5, &message);
                Err(HostError(message))
            }
        }
    }

    /// A tick of the root context, with what its callouts are answered.
    pub(super) fn tick(&mut self) {
        if self.call("proxy_on_tick", &[ROOT]).is_ok() {
            while self.answer_scripted(ROOT) {}
        }
    }

    /// Tells of the queues that have something for this worker.
    pub(super) fn tell_queues(&mut self) {
        let number = self.state().number;
        for queue in self.state().shared.clone().take_ready(number) {
            // A module that traps here is dead for the next request.
            let _ = self.call("proxy_on_queue_ready", &[ROOT, queue]);
        }
    }

    /// Tells the end of the oldest callout of `asker` that a script ends, or the next thing of a gRPC
    /// call. Whether there was one.
    pub(super) fn answer_scripted(&mut self, asker: u32) -> bool {
        let mine = |one: &Pending| one.asker == asker && one.answer.is_scripted();
        if let Some(place) = self.state().callouts.iter().position(mine) {
            let pending = self.state().callouts.remove(place);
            self.tell(pending);
            return true;
        }
        match self.state().grpc.next(asker) {
            Some((token, event)) => {
                self.tell_grpc(token, event);
                true
            }
            None => false,
        }
    }

    /// Ends the oldest callout of `asker` like this. Whether there was one.
    pub(super) fn answer_as(&mut self, asker: u32, answer: CalloutAnswer) -> bool {
        let mine = |one: &Pending| one.asker == asker;
        let Some(place) = self.state().callouts.iter().position(mine) else { return false };
        let pending = self.state().callouts.remove(place);
        self.tell(Pending { answer, ..pending });
        true
    }

    /// Ends the callout of this number, where there is one, like this.
    pub(super) fn answer_token(&mut self, token: u32, answer: CalloutAnswer) {
        let place = self.state().callouts.iter().position(|pending| pending.token == token);
        if let Some(place) = place {
            let pending = self.state().callouts.remove(place);
            self.tell(Pending { answer, ..pending });
        }
    }

    /// Tells the end of a callout that nobody waits for.
    pub(super) fn tell_stray(&mut self, token: u32, answer: CalloutAnswer) {
        self.tell(Pending { token, asker: ROOT, answer });
    }

    /// An answer comes to the root context; the module finds out whose it is.
    fn tell(&mut self, pending: Pending) {
        let told = match pending.answer {
            CalloutAnswer::Response(response) => {
                let status = (":status".to_owned(), response.status.to_string().into_bytes());
                AnswerTold {
                    headers: std::iter::once(status).chain(response.headers).collect(),
                    body: response.body,
                    trailers: (!response.trailers.is_empty()).then_some(response.trailers),
                }
            }
            // A reset is told with nothing at all.
            _ => {
                self.state().last_status = (status::BROKEN_CONNECTION, "reset".to_owned());
                AnswerTold::default()
            }
        };
        let trailers = told.trailers.as_ref().map_or(0, Vec::len);
        let sizes = [told.headers.len(), told.body.len(), trailers].map(size);
        self.state().told = Some(told);
        let [headers, body, trailers] = sizes;
        let arguments = [ROOT, pending.token, headers, body, trailers];
        // A module that traps here is dead, which its streams will see.
        let _ = self.call("proxy_on_http_call_response", &arguments);
        self.state().told = None;
        self.state().last_status.1.clear();
    }

    /// Something of a gRPC call comes to the root context.
    fn tell_grpc(&mut self, token: u32, event: GrpcEvent) {
        let mut told = GrpcTold::default();
        let (callback, number) = match event {
            GrpcEvent::Initial(headers) => {
                let count = size(headers.len());
                told.initial = Some(headers);
                ("proxy_on_grpc_receive_initial_metadata", count)
            }
            GrpcEvent::Message(bytes) => {
                told.message = bytes;
                ("proxy_on_grpc_receive", size(told.message.len()))
            }
            GrpcEvent::Trailing(headers) => {
                let count = size(headers.len());
                told.trailing = Some(headers);
                ("proxy_on_grpc_receive_trailing_metadata", count)
            }
            GrpcEvent::Close(code, text) => {
                self.state().last_status = (code, text);
                ("proxy_on_grpc_close", code)
            }
        };
        self.state().grpc_told = told;
        // As for callouts.
        let _ = self.call(callback, &[ROOT, token, number]);
        self.state().grpc_told = GrpcTold::default();
        self.state().last_status.1.clear();
    }
}
