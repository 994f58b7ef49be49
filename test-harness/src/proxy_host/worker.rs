//! One worker: one instance of the module, with Envoy's lifecycle around it.

use super::imports;
use super::state::HostState;
use std::fmt;
use wasmtime::{Config, Engine, Instance, Linker, Store, Val};

/// The root context, as Envoy numbers the first one.
const ROOT: u32 = 1;
/// Instructions one callback may take (fuel); far above what any needs.
const FUEL: u64 = 20_000_000_000;

/// A compiled module, for any number of gateways.
#[derive(Clone)]
pub struct Module {
    pub(super) engine: Engine,
    pub(super) module: wasmtime::Module,
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
}

/// One instance.
pub(super) struct Worker {
    store: Store<HostState>,
    instance: Instance,
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
    pub(super) fn new(module: &Module, state: HostState) -> Result<Self, HostError> {
        let mut linker = Linker::new(&module.engine);
        imports::define(&mut linker)?;
        let mut store = Store::new(&module.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_fuel(FUEL)?;
        let instance = linker.instantiate(&mut store, &module.module)?;
        let mut worker = Self { store, instance, dead: false, next_context: ROOT };
        for start in ["_initialize", "_start"] {
            if worker.has(start) {
                worker.call(start, &[])?;
            }
        }
        worker.call("proxy_on_context_create", &[ROOT, 0])?;
        worker.call("proxy_on_vm_start", &[ROOT, 0])?;
        Ok(worker)
    }

    pub(super) fn state(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    /// Hands the configuration over; whether the module took it.
    pub(super) fn configure(&mut self, configuration: &[u8]) -> bool {
        self.state().configuration = configuration.to_vec();
        let size = u32::try_from(configuration.len()).unwrap_or(u32::MAX);
        matches!(self.call("proxy_on_configure", &[ROOT, size]), Ok(Some(taken)) if taken != 0)
    }

    /// A new stream's context.
    pub(super) fn create_context(&mut self) -> u32 {
        self.next_context = self.next_context.saturating_add(1);
        self.next_context
    }

    fn has(&mut self, export: &str) -> bool {
        self.instance.get_func(&mut self.store, export).is_some()
    }

    /// Calls an export in its context; a callback the module does not have is skipped, as Envoy does.
    /// A trap, exhausted fuel or memory leaves the worker dead.
    pub(super) fn call(
        &mut self,
        export: &str,
        arguments: &[u32],
    ) -> Result<Option<u32>, HostError> {
        if self.dead {
            return Err(HostError("the worker is dead".to_owned()));
        }
        let Some(function) = self.instance.get_func(&mut self.store, export) else {
            return Ok(None);
        };
        let context = arguments.first().copied().unwrap_or_default();
        self.state().current = context;
        self.store.set_fuel(FUEL)?;
        let arguments: Vec<Val> =
            arguments.iter().map(|argument| Val::I32(argument.cast_signed())).collect();
        let results = function.ty(&self.store).results().len();
        let mut answers = vec![Val::I32(0); results];
        match function.call(&mut self.store, &arguments, &mut answers) {
            Ok(()) => Ok(answers.first().and_then(Val::i32).map(i32::cast_unsigned)),
            Err(error) => {
                self.dead = true;
                let message = format!("trap in {export}: {error:#}");
                self.state().logs.push((5, message.clone()));
                Err(HostError(message))
            }
        }
    }

    /// A tick of the root context, with what its callouts are answered.
    pub(super) fn tick(&mut self) {
        if self.call("proxy_on_tick", &[ROOT]).is_ok() {
            self.answer_callouts(ROOT);
        }
    }

    /// Answers the callouts of a context until none is left that will be answered. Whether any was.
    pub(super) fn answer_callouts(&mut self, context: u32) -> bool {
        use super::message::CalloutAnswer;
        let mut any = false;
        loop {
            self.state().current = context;
            let stream = self.state().stream();
            let place = stream
                .callouts
                .iter()
                .position(|pending| !matches!(pending.answer, CalloutAnswer::Never));
            let Some(place) = place else { return any };
            let pending = stream.callouts.remove(place);
            any = true;
            let (headers, body) = match pending.answer {
                CalloutAnswer::Response(response) => {
                    let status = (":status".to_owned(), response.status.to_string().into_bytes());
                    let mut headers = vec![status];
                    headers.extend(response.headers);
                    (headers, response.body)
                }
                // A reset is told with nothing at all.
                _ => (Vec::new(), Vec::new()),
            };
            let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
            let (count, length) = (size(headers.len()), size(body.len()));
            self.state().told = Some((headers, body));
            let called = self
                .call("proxy_on_http_call_response", &[context, pending.token, count, length, 0]);
            self.state().told = None;
            if called.is_err() {
                return any;
            }
        }
    }
}
