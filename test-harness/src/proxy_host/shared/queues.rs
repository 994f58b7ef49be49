//! Queues: known by name, read by the worker that registered last.

use super::SharedData;
use crate::proxy_host::state::status;
use std::collections::VecDeque;

/// One queue.
#[derive(Debug)]
pub(super) struct Queue {
    name: String,
    items: VecDeque<Vec<u8>>,
    /// The worker that is told of items.
    reader: usize,
    /// Whether it has still to be told.
    ready: bool,
    /// Whether whoever wakes the worker knows.
    announced: bool,
}

impl SharedData {
    /// The number of a queue, made where it is new; `worker` will be told of items.
    pub(in crate::proxy_host) fn register_queue(&self, name: &str, worker: usize) -> u32 {
        let mut inner = self.lock();
        let known = inner.queues.iter().position(|queue| queue.name == name);
        let at = known.unwrap_or(inner.queues.len());
        match inner.queues.get_mut(at) {
            Some(queue) => queue.reader = worker,
            None => inner.queues.push(Queue {
                name: name.to_owned(),
                items: VecDeque::new(),
                reader: worker,
                ready: false,
                announced: false,
            }),
        }
        number(at)
    }

    /// The number of a queue that is there.
    pub(in crate::proxy_host) fn resolve_queue(&self, name: &str) -> Option<u32> {
        self.lock().queues.iter().position(|queue| queue.name == name).map(number)
    }

    /// Puts an item at the end; false for an unknown queue.
    pub(in crate::proxy_host) fn enqueue(&self, queue: u32, item: Vec<u8>) -> bool {
        match self.lock().queues.get_mut(index(queue)) {
            Some(queue) => {
                queue.items.push_back(item);
                queue.ready = true;
                queue.announced = false;
                true
            }
            None => false,
        }
    }

    /// Takes the first item. The error is a status.
    pub(in crate::proxy_host) fn dequeue(&self, queue: u32) -> Result<Vec<u8>, i32> {
        let mut inner = self.lock();
        let queue = inner.queues.get_mut(index(queue)).ok_or(status::NOT_FOUND)?;
        queue.items.pop_front().ok_or(status::EMPTY)
    }

    /// The workers that have to be told of a queue, each once for what came.
    pub(crate) fn readers_waited_for(&self) -> Vec<usize> {
        let mut inner = self.lock();
        let waited_for = |queue: &mut Queue| {
            let new = queue.ready && !std::mem::replace(&mut queue.announced, true);
            new.then_some(queue.reader)
        };
        inner.queues.iter_mut().filter_map(waited_for).collect()
    }

    /// The queues that `worker` has still to be told of.
    pub(in crate::proxy_host) fn take_ready(&self, worker: usize) -> Vec<u32> {
        let mut inner = self.lock();
        let ready = |(at, queue): (usize, &mut Queue)| {
            (queue.reader == worker && std::mem::take(&mut queue.ready)).then(|| number(at))
        };
        inner.queues.iter_mut().enumerate().filter_map(ready).collect()
    }
}

/// Numbers begin at 1.
fn number(at: usize) -> u32 {
    u32::try_from(at.saturating_add(1)).unwrap_or(u32::MAX)
}

fn index(queue: u32) -> usize {
    usize::try_from(queue).ok().and_then(|queue| queue.checked_sub(1)).unwrap_or(usize::MAX)
}
