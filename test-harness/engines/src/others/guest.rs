//! Ambit's core in WebAssembly, run by wasmtime: no filter around it, and a call of the host for each
//! decision.

use super::said;
use ambit_engines::{Engine, Question};
use std::cell::RefCell;
use wasmtime::{Instance, Linker, Memory, Module, Store, TypedFunc};

/// The guest with a policy in it.
pub(crate) struct Guest(RefCell<Running>);

struct Running {
    store: Store<()>,
    memory: Memory,
    room: TypedFunc<u32, u32>,
    keep: TypedFunc<(), u32>,
    ready: TypedFunc<u32, u32>,
    whole: TypedFunc<(), u32>,
}

impl Guest {
    /// Loads the policy of so many rules into a fresh instance of the module.
    pub(crate) fn load(module: &Module, rules: u32) -> Result<Self, String> {
        let mut store = Store::new(module.engine(), ());
        let mut linker = Linker::new(module.engine());
        // The core asks no host for anything; what the standard library could ask for is not there.
        linker.define_unknown_imports_as_traps(module).map_err(said)?;
        let instance = linker.instantiate(&mut store, module).map_err(said)?;
        if let Ok(begin) = instance.get_typed_func::<(), ()>(&mut store, "_initialize") {
            begin.call(&mut store, ()).map_err(said)?;
        }
        let load: TypedFunc<u32, u32> = named(&instance, &mut store, "load")?;
        if load.call(&mut store, rules).map_err(said)? != 1 {
            return Err("the guest does not take the policy".to_owned());
        }
        let memory = instance.get_memory(&mut store, "memory").ok_or("a guest without memory")?;
        Ok(Self(RefCell::new(Running {
            memory,
            room: named(&instance, &mut store, "room")?,
            keep: named(&instance, &mut store, "keep")?,
            ready: named(&instance, &mut store, "ready")?,
            whole: named(&instance, &mut store, "whole")?,
            store,
        })))
    }

    /// Writes the question into the guest and has it decided.
    pub(crate) fn whole(&self, question: &Question) -> Result<bool, String> {
        let mut running = self.0.borrow_mut();
        running.write(question)?;
        let Running { store, whole, .. } = &mut *running;
        answer(whole.call(store, ()).map_err(said)?)
    }

    /// Writes the question into the guest, which keeps it: its number.
    pub(crate) fn keep(&self, question: &Question) -> Result<u32, String> {
        let mut running = self.0.borrow_mut();
        running.write(question)?;
        let Running { store, keep, .. } = &mut *running;
        keep.call(store, ()).map_err(said)
    }
}

impl Running {
    fn write(&mut self, question: &Question) -> Result<(), String> {
        let bytes = question.to_bytes();
        let length = u32::try_from(bytes.len()).map_err(said)?;
        let at = self.room.call(&mut self.store, length).map_err(said)?;
        self.memory.write(&mut self.store, at as usize, &bytes).map_err(said)
    }
}

impl Engine for Guest {
    type Input = u32;

    fn prepare(&self, question: &Question) -> u32 {
        self.keep(question).unwrap_or(u32::MAX)
    }

    fn decide(&self, input: &u32) -> bool {
        let mut running = self.0.borrow_mut();
        let Running { store, ready, .. } = &mut *running;
        ready.call(store, *input).map_err(said).and_then(answer) == Ok(true)
    }
}

fn answer(said: u32) -> Result<bool, String> {
    match said {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(format!("the guest answered {other}")),
    }
}

fn named<P: wasmtime::WasmParams, R: wasmtime::WasmResults>(
    instance: &Instance,
    store: &mut Store<()>,
    name: &str,
) -> Result<TypedFunc<P, R>, String> {
    instance.get_typed_func(store, name).map_err(said)
}
