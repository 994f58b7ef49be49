//! Ambit's core alone, with as little around it as a host can call: the size of a policy in, a question
//! in, an answer out.

#![expect(unsafe_code, reason = "names that the host finds; nothing here is a pointer")]

use ambit_engines::{Ambit, Engine as _, Question};
use std::cell::RefCell;

#[derive(Default)]
struct State {
    ambit: Option<Ambit>,
    ready: Vec<<Ambit as ambit_engines::Engine>::Input>,
    question: Vec<u8>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Loads the policy of so many rules; whether it did.
#[unsafe(no_mangle)]
pub extern "C" fn load(rules: u32) -> u32 {
    let loaded = Ambit::load(rules).ok();
    let good = loaded.is_some();
    STATE.with_borrow_mut(|state| *state = State { ambit: loaded, ..State::default() });
    u32::from(good)
}

/// Room for a question of so many bytes: where the host writes it.
#[unsafe(no_mangle)]
pub extern "C" fn room(bytes: u32) -> u32 {
    STATE.with_borrow_mut(|state| {
        state.question.resize(bytes as usize, 0);
        state.question.as_ptr() as usize as u32
    })
}

/// Keeps the question that was written, ready to be decided; its number.
#[unsafe(no_mangle)]
pub extern "C" fn keep() -> u32 {
    STATE.with_borrow_mut(|state| {
        let input = state
            .ambit
            .as_ref()
            .zip(Question::from_bytes(&state.question))
            .map(|(ambit, question)| ambit.prepare(&question));
        state.ready.extend(input);
        (state.ready.len() as u32).wrapping_sub(1)
    })
}

/// Decides a question that was kept: 1 for yes, 0 for no, 2 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn ready(number: u32) -> u32 {
    STATE.with_borrow(|state| {
        let input = state.ready.get(number as usize);
        state.ambit.as_ref().zip(input).map_or(2, |(ambit, input)| ambit.decide(input).into())
    })
}

/// Decides the question that was written: 1 for yes, 0 for no, 2 where it is none.
#[unsafe(no_mangle)]
pub extern "C" fn whole() -> u32 {
    STATE.with_borrow(|state| {
        let question = Question::from_bytes(&state.question);
        state
            .ambit
            .as_ref()
            .zip(question)
            .map_or(2, |(ambit, question)| ambit.decide(&ambit.prepare(&question)).into())
    })
}
